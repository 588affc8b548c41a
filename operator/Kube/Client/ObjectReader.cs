using System.Net;
using System.Text.Json;
using k8s;
using k8s.Models;

namespace Slipway.Kube.Client;

/// <summary>
/// Reads objects one by one, so that one which our model cannot read spoils neither its list nor its watch. Who it is and which
/// version it has is read without the model.
/// </summary>
internal static class ObjectReader
{
    public static async Task<T> ReadAsync<T>(Stream body, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        using var document = await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken);
        return KubeJson.Named(KubernetesJson.Deserialize<T>(document.RootElement));
    }

    public static async Task<ListPage<T>> ReadListAsync<T>(Stream body, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        using var document = await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken);
        var items = new List<T>();
        var poison = new List<PoisonObject>();
        // An empty list of some kinds is null.
        if (document.RootElement.TryGetProperty("items", out var elements) && elements.ValueKind == JsonValueKind.Array)
        {
            foreach (var element in elements.EnumerateArray())
            {
                if (TryRead<T>(element, out var item, out var unreadable))
                {
                    items.Add(item!);
                }
                else
                {
                    poison.Add(unreadable!);
                }
            }
        }

        var next = Metadata(document.RootElement, "continue");
        return new ListPage<T>(items, Metadata(document.RootElement, "resourceVersion") ?? "", next is "" ? null : next, poison);
    }

    /// <summary>One line of a watch, or null where it is of a type that we do not know.</summary>
    /// <exception cref="KubeApiException">The server reports the end of the watch in its stream, most often that the version has expired.</exception>
    /// <exception cref="IOException">The line is not JSON: the connection broke in the middle of it.</exception>
    public static WatchEvent<T>? ReadWatchLine<T>(string line)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        using var document = ParseLine(line);
        var root = document.RootElement;
        if (!root.TryGetProperty("type", out var type) || !root.TryGetProperty("object", out var element))
        {
            return null;
        }

        return type.GetString() switch
        {
            "ADDED" => Change<T>(WatchEventKind.Added, element),
            "MODIFIED" => Change<T>(WatchEventKind.Modified, element),
            "DELETED" => Change<T>(WatchEventKind.Deleted, element),
            "BOOKMARK" => new WatchEvent<T>(WatchEventKind.Bookmark, Metadata(element, "resourceVersion")),
            "ERROR" => throw KubeApiException.From(element.Deserialize<V1Status>(Lenient), HttpStatusCode.InternalServerError),
            _ => null,
        };
    }

    private static readonly JsonSerializerOptions Lenient = new(JsonSerializerDefaults.Web);

    private static JsonDocument ParseLine(string line)
    {
        try
        {
            return JsonDocument.Parse(line);
        }
        catch (JsonException exception)
        {
            throw new IOException("A line of the watch is cut off.", exception);
        }
    }

    private static WatchEvent<T> Change<T>(WatchEventKind kind, JsonElement element)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        TryRead<T>(element, out var entity, out var poison);
        return new WatchEvent<T>(kind, Metadata(element, "resourceVersion"), entity, poison);
    }

    private static bool TryRead<T>(JsonElement element, out T? entity, out PoisonObject? poison)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        (entity, poison) = (null, null);
        var key = new NamespacedName(Metadata(element, "namespace") ?? "", Metadata(element, "name") ?? "");
        try
        {
            entity = KubeJson.Named(KubernetesJson.Deserialize<T>(element));
            return true;
        }
        // Converters throw what they like.
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            poison = new PoisonObject(key, Metadata(element, "resourceVersion"), exception.Message);
            return false;
        }
    }

    private static string? Metadata(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object
        && element.TryGetProperty("metadata", out var metadata) && metadata.ValueKind == JsonValueKind.Object
        && metadata.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
