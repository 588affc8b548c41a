using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Kube.Writing;

/// <summary>
/// Deletes each object once. A store is behind our own deletions by moments, and the first of several that it shows brings a pass
/// that still sees the others.
/// </summary>
internal sealed class Deleter(IKubeClient client)
{
    private const int Capacity = 10_000;

    private readonly Lock _lock = new();
    // By uid, which no other object ever has.
    private readonly Recent<string, bool> _deleted = new(Capacity);

    /// <summary>This process has deleted it. It may be there for a while: its children go first, or the store is behind.</summary>
    public bool HasDeleted(string uid)
    {
        lock (_lock)
        {
            return _deleted.Get(uid);
        }
    }

    /// <returns>False where it was gone already, or the name belongs to another object by now.</returns>
    public async Task<bool> DeleteAsync<T>(T entity, PropagationPolicy propagation, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var deleted = await TryDeleteAsync(entity, propagation, cancellationToken);
        lock (_lock)
        {
            _deleted.Set(entity.Metadata.Uid, true);
        }

        return deleted;
    }

    private async Task<bool> TryDeleteAsync<T>(T entity, PropagationPolicy propagation, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        try
        {
            return await client.DeleteAsync<T>(NamespacedName.Of(entity), entity.Metadata.Uid, propagation, cancellationToken);
        }
        catch (KubeApiException refused) when (refused.IsConflict)
        {
            return false;
        }
    }
}
