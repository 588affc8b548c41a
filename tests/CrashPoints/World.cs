using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Tests.CrashPoints;

/// <summary>All objects of a story and of the operator's own namespace as text, an object a paragraph: equal where the same has happened.</summary>
internal sealed class World
{
    private static readonly string[] OfTheServer = ["uid", "resourceVersion", "managedFields", "creationTimestamp", "selfLink"];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Mask _mask;
    private readonly Dictionary<string, string> _named;
    private readonly SecretFacts _facts;

    private World(Mask mask, IReadOnlyList<IKubernetesObject<V1ObjectMeta>> objects)
    {
        _mask = mask;
        _named = objects.ToDictionary(item => item.Metadata.Uid, Title);
        _facts = new SecretFacts(objects.OfType<V1Secret>());
    }

    public static async Task<string> ShowAsync(Story story, Mask mask)
    {
        IReadOnlyList<IKubernetesObject<V1ObjectMeta>> objects =
        [
            .. await story.Player.ObjectsAsync(story.Builders), .. await story.Player.ObjectsAsync(story.Tenant),
            .. await story.Player.ObjectsAsync(LocalApiServer.OperatorNamespace),
        ];
        var world = new World(mask, objects);
        return string.Join("\n\n", objects.Select(world.Show).Order(StringComparer.Ordinal));
    }

    private string Title(IKubernetesObject<V1ObjectMeta> item) =>
        $"{item.GetType().GetCustomAttribute<KubernetesEntityAttribute>()!.Kind} {_mask.Name($"{item.Metadata.NamespaceProperty}/{item.Metadata.Name}")}";

    private string Show(IKubernetesObject<V1ObjectMeta> item)
    {
        var body = KubeJson.ToNode(item);
        foreach (var field in OfTheServer) body["metadata"]!.AsObject().Remove(field);
        if (item is V1Secret secret) body["data"] = new JsonArray([.. _facts.Of(secret).Select(fact => JsonValue.Create(fact))]);
        return $"{Title(item)}\n{Masked(body, "")!.ToJsonString(Indented)}";
    }

    private JsonNode? Masked(JsonNode? node, string field) => node switch
    {
        JsonObject map => new JsonObject(map.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => KeyValuePair.Create(_mask.Name(pair.Key), Masked(pair.Value, pair.Key)))),
        JsonArray list => new JsonArray([.. list.Select(item => Masked(item, field))]),
        JsonValue when field is "duration" or "queued" => "<duration>",
        JsonValue value when field == "activeDeadlineSeconds" => Mask.RoundUp((int)value),
        JsonValue value when value.GetValueKind() == JsonValueKind.String => _mask.Text((string)value!, _named),
        _ => node?.DeepClone(),
    };
}
