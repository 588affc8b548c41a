using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;

namespace Slipway;

/// <summary>
/// Gives memory back when work is over. Lists and bursts leave several times the memory behind that an operator at rest
/// needs, and where nothing is allocated no collection comes by itself.
/// </summary>
internal sealed class MemoryRest(TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly RestMoments _moments = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (!_moments.IsOne(GC.GetTotalAllocatedBytes())) continue;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            NativeHeap.Trim();
        }
    }

    /// <summary>What the runtime itself allocates: its compiler, its tables, TLS. glibc keeps what is freed below what is still used.</summary>
    private static class NativeHeap
    {
        private static readonly bool CanTrim = NativeLibrary.TryLoad("libc.so.6", out var libc) && NativeLibrary.TryGetExport(libc, "malloc_trim", out _);

        public static void Trim()
        {
            if (CanTrim) _ = MallocTrim(0);
        }

        [DllImport("libc.so.6", EntryPoint = "malloc_trim")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        private static extern int MallocTrim(nint kept);
    }
}
