using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Kube.Writing;

/// <summary>
/// The one status write of a pass. The patch holds what differs and the resourceVersion that it was planned from, so a plan made
/// from an old object is refused (Conflict, which the worker retries quietly) instead of overwriting a newer status.
/// </summary>
internal sealed class StatusWriter(IKubeClient client)
{
    /// <param name="observed">The entity as the pass got it.</param>
    /// <param name="desired">The same entity with the status that it shall have: <c>observed with { Status = … }</c>.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The entity as the server has it, or <paramref name="observed"/> where the status is the same.</returns>
    /// <exception cref="KubeApiException">Conflict: the object has changed since. NotFound: it is gone.</exception>
    public async Task<E> WriteAsync<E>(E observed, E desired, CancellationToken cancellationToken)
        where E : class, IKubernetesObject<V1ObjectMeta>
    {
        // Records that hold lists do not compare by value, their JSON does.
        var patch = MergePatch.Between(StatusOf(observed), StatusOf(desired));
        if (patch.Count == 0)
        {
            return observed;
        }

        var metadata = observed.Metadata;
        return await client.PatchStatusAsync<E>(
            NamespacedName.Of(metadata), metadata.Uid, metadata.ResourceVersion, patch, cancellationToken);
    }

    private static JsonObject StatusOf<E>(E entity)
        where E : class, IKubernetesObject<V1ObjectMeta> =>
        KubeJson.ToNode(entity)["status"] as JsonObject ?? [];
}
