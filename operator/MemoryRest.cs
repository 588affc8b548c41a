using Microsoft.Extensions.Hosting;

namespace Slipway;

/// <summary>
/// Gives memory back when work is over. Lists and bursts leave several times the memory behind that an operator at rest
/// needs, and where nothing is allocated no collection comes by itself.
/// </summary>
internal sealed class MemoryRest(TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    /// <summary>Probes and bookmarks allocate a little all the time.</summary>
    private const long QuietBytes = 2 << 20;

    /// <summary>Less is not worth a collection.</summary>
    private const long WorthBytes = 6 << 20;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        long lookedAt = 0, collectedAt = 0;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var allocated = GC.GetTotalAllocatedBytes();
            if (allocated - lookedAt < QuietBytes && allocated - collectedAt > WorthBytes)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                collectedAt = allocated;
            }

            lookedAt = allocated;
        }
    }
}
