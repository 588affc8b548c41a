using System.Text.Json;

namespace Slipway.Runner;

/// <summary>What BuildKit's cache exporters write under a name: {"layers":[{"blob":"sha256:…"}],"records":[…]}.</summary>
internal static class CacheManifest
{
    /// <summary>The digests of the blobs that it needs; null where it is something else.</summary>
    public static IReadOnlyList<string>? Blobs(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind != JsonValueKind.Object ? null
                : !document.RootElement.TryGetProperty("layers", out var layers) ? []
                : layers.ValueKind == JsonValueKind.Array ? Blobs(layers) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static List<string>? Blobs(JsonElement layers)
    {
        var blobs = layers.EnumerateArray().Select(Blob).ToList();
        return blobs.Contains(null) ? null : [.. blobs.OfType<string>()];
    }

    private static string? Blob(JsonElement layer) =>
        layer.ValueKind == JsonValueKind.Object && layer.TryGetProperty("blob", out var blob) && blob.ValueKind == JsonValueKind.String ? blob.GetString() : null;
}
