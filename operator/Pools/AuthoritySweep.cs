using System.Collections.Concurrent;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Informers;
using Slipway.Pki;

namespace Slipway.Pools;

/// <summary>
/// Deletes the authorities of pools that are gone: with the pass that every start begins with, since a deletion may have been missed,
/// and when a pool that was there is no more.
/// </summary>
internal sealed class AuthoritySweep(PoolAuthority authority, IStore<V1Alpha1BuilderPool> pools)
{
    /// <summary>The key of the start's pass, which is no pool's: where the last pool is gone, none is left to bring one.</summary>
    public static readonly NamespacedName AtStart = new("", "");

    private readonly ConcurrentDictionary<string, bool> _seen = new();
    private volatile bool _swept;

    /// <summary>A pass for a pool, which is there.</summary>
    public void Saw(V1Alpha1BuilderPool pool) => _seen[pool.Metadata.Uid] = true;

    /// <summary>A key without a pool. What is left of a pool wakes its key again and again while it goes, and one list for it is enough.</summary>
    public async Task<int> AfterDeletionAsync(CancellationToken cancellationToken)
    {
        // A store that has not synced knows no pools, and all authorities would look like leftovers.
        if (!pools.HasSynced) return 0;
        var there = pools.List().Select(pool => pool.Metadata.Uid).ToHashSet();
        var gone = _seen.Keys.Where(uid => !there.Contains(uid)).ToList();
        if (_swept && gone.Count == 0) return 0;
        foreach (var uid in there) _seen[uid] = true;
        var deleted = await authority.SweepAsync(pools.List, cancellationToken);
        foreach (var uid in gone) _seen.TryRemove(uid, out _);
        _swept = true;
        return deleted;
    }
}
