using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Slipway.Registry;

/// <summary>One thing to put into an index: a platform's index, or a bare manifest with the platform that its config names.</summary>
internal sealed record IndexSource
{
    public required ManifestBody Manifest { get; init; }

    /// <summary>Needed for a bare manifest only.</summary>
    public OciPlatform? Platform { get; init; }
}

/// <summary>
/// Merges the indexes that the platforms pushed. Entries are copied verbatim: an attestation manifest names its image by
/// digest, which no merge changes, and a field that we do not know must not get lost. The bytes that come out are the
/// ones to hash and to PUT.
/// </summary>
internal static class IndexAssembly
{
    // The default encoder writes "+" as an escape, which is legal and unreadable.
    private static readonly JsonWriterOptions Writing = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static ManifestBody Merge(IReadOnlyList<IndexSource> sources)
    {
        if (sources is [{ Manifest: var only }] && MediaTypes.IsIndex(only.MediaType))
        {
            return only;
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        var entries = new JsonArray();
        foreach (var entry in sources.SelectMany(Entries))
        {
            var digest = (string?)entry["digest"] ?? throw new JsonException("an index entry has no digest");
            if (seen.Add(digest))
            {
                entries.Add(entry);
            }
        }

        return ManifestBody.Of(MediaTypes.OciIndex, Write(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = entries,
        }));
    }

    private static IEnumerable<JsonObject> Entries(IndexSource source)
    {
        if (!MediaTypes.IsIndex(source.Manifest.MediaType))
        {
            return [Entry(source)];
        }

        var manifests = JsonNode.Parse(source.Manifest.Bytes.Span)?["manifests"]?.AsArray() ?? throw new JsonException("an index has no manifests");
        return manifests.Select(entry => entry?.DeepClone().AsObject() ?? throw new JsonException("an index entry is null"));
    }

    private static JsonObject Entry(IndexSource source)
    {
        var platform = source.Platform ?? throw new ArgumentException("a bare manifest needs the platform of its config");
        return new JsonObject
        {
            ["mediaType"] = source.Manifest.MediaType,
            ["digest"] = source.Manifest.Digest,
            ["size"] = source.Manifest.Bytes.Length,
            ["platform"] = JsonSerializer.SerializeToNode(platform, OciJson.Default.OciPlatform),
        };
    }

    private static byte[] Write(JsonObject index)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Writing))
        {
            index.WriteTo(writer);
        }

        return buffer.ToArray();
    }
}
