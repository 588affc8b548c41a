using System.Text.Json.Nodes;

namespace Slipway.Tests.CrashPoints;

/// <summary>What a request writes, read from its address and its body.</summary>
internal sealed record Write(string Verb, string Resource, string Target)
{
    public static async Task<Write> OfAsync(HttpRequestMessage request)
    {
        var body = JsonNode.Parse(await request.Content!.ReadAsStringAsync())!;
        // api/VERSION or apis/GROUP/VERSION, then namespaces/NAMESPACE/PLURAL[/NAME[/SUBRESOURCE]].
        var parts = request.RequestUri!.AbsolutePath.Trim('/').Split('/');
        var path = parts[(parts[0] == "api" ? 3 : 4)..];
        var name = path.Length > 2 ? path[2] : (string)body["metadata"]!["name"]!;
        return new Write(VerbOf(request), string.Join('/', path[1..2].Concat(path.Skip(3))), $"{path[0]}/{name}{NewsOf(body["status"])}");
    }

    private static string VerbOf(HttpRequestMessage request) => request.Method.Method switch
    {
        "POST" => "create",
        "PATCH" when request.Content!.Headers.ContentType!.MediaType!.Contains("apply", StringComparison.Ordinal) => "apply",
        "PATCH" => "patch",
        "DELETE" => "delete",
        var other => throw new NotSupportedException(other),
    };

    /// <summary>What a status tells: the phase of a build; a pool's counters and its builders. How many it takes to come that far differs from run to run.</summary>
    private static string NewsOf(JsonNode? status)
    {
        var phase = status?["phase"] is { } now ? [$"{now}"] : Array.Empty<string>();
        var counters = (status?["summary"] as JsonObject ?? []).Select(count => $"{count.Key} {count.Value}");
        var builders = (status?["platforms"] as JsonArray ?? []).SelectMany(platform => platform!["builders"] as JsonArray ?? [])
            .Select(builder => $"{builder!["name"]} {builder["state"]}");
        string[] news = [.. phase, .. counters, .. builders];
        return news.Length == 0 ? "" : $" ({string.Join(", ", news)})";
    }
}
