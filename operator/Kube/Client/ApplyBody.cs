using System.Text.Json.Nodes;
using k8s;
using k8s.Models;

namespace Slipway.Kube.Client;

/// <summary>The body of a server-side apply. Whatever stands in it becomes ours, so what the server writes must not.</summary>
internal static class ApplyBody
{
    private static readonly string[] ServersOwn =
        ["managedFields", "creationTimestamp", "resourceVersion", "uid", "generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"];

    public static JsonObject Of<T>(T desired)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var body = KubeJson.ToNode(desired);
        var kind = EntityKind.Of<T>();
        body["apiVersion"] = kind.ApiVersion;
        body["kind"] = kind.Kind;
        body.Remove("status");
        var metadata = body["metadata"]?.AsObject() ?? throw new ArgumentException("An object to apply needs metadata.", nameof(desired));
        foreach (var field in ServersOwn)
        {
            metadata.Remove(field);
        }

        return body;
    }
}
