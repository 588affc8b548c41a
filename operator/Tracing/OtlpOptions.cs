namespace Slipway.Tracing;

/// <summary>Where traces go. The endpoint is the operator's option; what else the SDKs know comes from their environment variables.</summary>
internal sealed record OtlpOptions
{
    /// <summary>Headers of every request, such as one with a token.</summary>
    public const string HeadersVariable = "OTEL_EXPORTER_OTLP_HEADERS";

    /// <summary>What is told of the sender with every trace.</summary>
    public const string ResourceVariable = "OTEL_RESOURCE_ATTRIBUTES";

    private const string ServiceName = "service.name";
    private const string TracesPath = "v1/traces";

    /// <summary>http:// or https://, without the path of the signal.</summary>
    public required Uri Endpoint { get; init; }

    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Resource { get; init; } = Named(new Dictionary<string, string>());

    public Uri Traces => new(Endpoint.AbsoluteUri.TrimEnd('/') + "/" + TracesPath);

    public static OtlpOptions Read(Uri endpoint, Func<string, string?> variable) => new()
    {
        Endpoint = endpoint,
        Headers = Pairs(variable(HeadersVariable)),
        Resource = Named(Pairs(variable(ResourceVariable))),
    };

    private static Dictionary<string, string> Named(Dictionary<string, string> resource)
    {
        resource.TryAdd(ServiceName, "slipway");
        return resource;
    }

    /// <summary>As W3C baggage writes them: a=b,c=d, the values percent-encoded. What is no pair is passed over.</summary>
    private static Dictionary<string, string> Pairs(string? text)
    {
        var pairs = new Dictionary<string, string>();
        foreach (var pair in (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var cut = pair.IndexOf('=', StringComparison.Ordinal);
            var value = cut < 1 ? null : Uri.UnescapeDataString(pair[(cut + 1)..]).Trim();
            // A header cannot hold a line break, wherever it came from.
            if (value is not null && !value.Any(char.IsControl)) pairs[pair[..cut].Trim()] = value;
        }

        return pairs;
    }
}
