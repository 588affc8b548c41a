using System.Text.Json;
using System.Text.Json.Serialization;

namespace Slipway.Registry;

/// <summary>What is read of an OCI descriptor. What must be passed on verbatim is passed on as JSON, see <see cref="IndexAssembly"/>.</summary>
internal sealed record Descriptor
{
    public const string ReferenceType = "vnd.docker.reference.type";
    public const string ReferenceDigest = "vnd.docker.reference.digest";
    public const string PredicateType = "in-toto.io/predicate-type";

    public string? MediaType { get; init; }

    public required string Digest { get; init; }

    public long Size { get; init; }

    public string? ArtifactType { get; init; }

    public OciPlatform? Platform { get; init; }

    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    public string? Annotation(string key) => Annotations?.GetValueOrDefault(key);
}

/// <summary>The platform of an index entry or of an image config.</summary>
internal sealed record OciPlatform
{
    public string Os { get; init => field = value ?? ""; } = "";

    public string Architecture { get; init => field = value ?? ""; } = "";

    public string? Variant { get; init; }

    /// <summary>As platforms are written: os/architecture[/variant], without the variant that everyone leaves out.</summary>
    public override string ToString() => PlatformName.Normalise(
        string.IsNullOrEmpty(Variant) ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}");
}

internal static class PlatformName
{
    /// <summary>Variants that mean the same as none, and the one that none means.</summary>
    public static string Normalise(string platform) => platform switch
    {
        "linux/arm64/v8" => "linux/arm64",
        "linux/amd64/v1" => "linux/amd64",
        "linux/arm" => "linux/arm/v7",
        _ => platform,
    };
}

internal sealed record OciIndex
{
    public string? MediaType { get; init; }

    // The generated reader sets what is absent to null.
    public IReadOnlyList<Descriptor> Manifests { get; init => field = value ?? []; } = [];

    public static OciIndex Parse(ReadOnlySpan<byte> body) =>
        JsonSerializer.Deserialize(body, OciJson.Default.OciIndex) ?? throw new JsonException("null is no index");
}

/// <summary>An image or attestation manifest.</summary>
internal sealed record OciManifest
{
    public string? MediaType { get; init; }

    public string? ArtifactType { get; init; }

    public Descriptor? Config { get; init; }

    public IReadOnlyList<Descriptor> Layers { get; init => field = value ?? []; } = [];

    public Descriptor? Subject { get; init; }

    public static OciManifest Parse(ReadOnlySpan<byte> body) =>
        JsonSerializer.Deserialize(body, OciJson.Default.OciManifest) ?? throw new JsonException("null is no manifest");
}

/// <summary>A page of a repository's tags.</summary>
internal sealed record OciTags
{
    public IReadOnlyList<string>? Tags { get; init; }
}

/// <summary>A registry's error answer.</summary>
internal sealed record RegistryErrors
{
    public IReadOnlyList<RegistryError>? Errors { get; init; }
}

internal sealed record RegistryError
{
    public string? Code { get; init; }

    public string? Message { get; init; }
}

/// <summary>A token server's answer; both names are in use.</summary>
internal sealed record TokenAnswer
{
    public string? Token { get; init; }

    [JsonPropertyName("access_token")]
    public string? AccessToken { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(OciIndex))]
[JsonSerializable(typeof(OciManifest))]
[JsonSerializable(typeof(OciPlatform))]
[JsonSerializable(typeof(OciTags))]
[JsonSerializable(typeof(RegistryErrors))]
[JsonSerializable(typeof(TokenAnswer))]
internal sealed partial class OciJson : JsonSerializerContext;
