using System.Text.Json.Nodes;
using k8s;
using k8s.Models;

namespace Slipway.Kube.Client;

/// <summary>Objects as JSON, by the client library's own rules (camelCase, no nulls).</summary>
internal static class KubeJson
{
    public static JsonObject ToNode<T>(T entity)
        where T : class =>
        JsonNode.Parse(KubernetesJson.Serialize(entity))!.AsObject();

    /// <summary>A deep copy. The kind's names are set on the way: items of a list come without.</summary>
    public static T Clone<T>(T entity)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        Named(KubernetesJson.Deserialize<T>(KubernetesJson.Serialize(entity)));

    public static T Named<T>(T entity)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var kind = EntityKind.Of<T>();
        entity.ApiVersion = kind.ApiVersion;
        entity.Kind = kind.Kind;
        return entity;
    }
}
