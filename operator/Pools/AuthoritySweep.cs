using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Informers;
using Slipway.Pki;

namespace Slipway.Pools;

/// <summary>
/// Deletes the authorities of pools that are gone: with the pass that every start begins with, since a deletion may have been missed,
/// and with every pass for a pool that is no more.
/// </summary>
internal sealed class AuthoritySweep(PoolAuthority authority, IStore<V1Alpha1BuilderPool> pools)
{
    /// <summary>The key of the start's pass, which is no pool's: where the last pool is gone, none is left to bring one.</summary>
    public static readonly NamespacedName AtStart = new("", "");

    /// <summary>A store that has not synced knows no pools, and all authorities would look like leftovers.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken) =>
        pools.HasSynced ? await authority.SweepAsync(pools.List, cancellationToken) : 0;
}
