using Slipway.Api;
using Slipway.Kube.Informers;
using Slipway.Pki;

namespace Slipway.Pools;

/// <summary>
/// Deletes the authorities of pools that are gone: with the first pass after a start, since a deletion may have been missed, and with
/// every deletion that is seen.
/// </summary>
internal sealed class AuthoritySweep(PoolAuthority authority, IStore<V1Alpha1BuilderPool> pools)
{
    private int _swept;

    public async Task OnceAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _swept, 1) == 1) return;
        try
        {
            await RunAsync(cancellationToken);
        }
        catch
        {
            Volatile.Write(ref _swept, 0);
            throw;
        }
    }

    /// <summary>A store that has not synced knows no pools, and all authorities would look like leftovers.</summary>
    public Task<int> RunAsync(CancellationToken cancellationToken) =>
        pools.HasSynced ? authority.SweepAsync(pools.List, cancellationToken) : Task.FromResult(0);
}
