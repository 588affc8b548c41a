using System.Collections.Concurrent;
using Slipway.Api;
using Slipway.Kube.Informers;
using Slipway.Pki;

namespace Slipway.Pools;

/// <summary>
/// Deletes the authorities of pools that are gone: with the first pass after a start, since a deletion may have been missed, and when
/// a pool that was there is no more.
/// </summary>
internal sealed class AuthoritySweep(PoolAuthority authority, IStore<V1Alpha1BuilderPool> pools)
{
    private readonly ConcurrentDictionary<string, bool> _seen = new();
    private int _swept;

    /// <summary>A pass for a pool, which is there.</summary>
    public async Task OnceAsync(V1Alpha1BuilderPool pool, CancellationToken cancellationToken)
    {
        _seen[pool.Metadata.Uid] = true;
        if (!pools.HasSynced || Interlocked.Exchange(ref _swept, 1) == 1) return;
        try
        {
            foreach (var there in pools.List()) _seen[there.Metadata.Uid] = true;
            await authority.SweepAsync(pools.List, cancellationToken);
        }
        catch
        {
            Volatile.Write(ref _swept, 0);
            throw;
        }
    }

    /// <summary>A key without a pool. What is left of a pool wakes its key again and again while it goes, and one list for it is enough.</summary>
    public async Task<int> AfterDeletionAsync(CancellationToken cancellationToken)
    {
        // A store that has not synced knows no pools, and all authorities would look like leftovers.
        if (!pools.HasSynced) return 0;
        var there = pools.List().Select(pool => pool.Metadata.Uid).ToHashSet();
        var gone = _seen.Keys.Where(uid => !there.Contains(uid)).ToList();
        if (gone.Count == 0) return 0;
        var deleted = await authority.SweepAsync(pools.List, cancellationToken);
        foreach (var uid in gone) _seen.TryRemove(uid, out _);
        return deleted;
    }
}
