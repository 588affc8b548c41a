using System.Diagnostics;
using Slipway.Kube;

namespace Slipway.Bench.Chapters;

/// <summary>A thousand builds at once, on a pool that takes two hundred.</summary>
internal static class Burst
{
    private const int Builds = 1000;
    private const int Runs = 3;
    private const int Tenants = 10;
    private const int Clients = 16;

    public static async Task RunAsync(Report report)
    {
        var rates = new List<double>();
        var cpus = new List<CpuTimes>();
        var peaks = new List<double>();
        for (var run = 0; run < Runs; run++)
        {
            report.Say($"a burst of {Builds} builds, {run + 1} of {Runs}");
            await using var cluster = await BenchCluster.StartAsync();
            await using var running = await cluster.StartOperatorAsync();
            await cluster.CreatePoolAsync();
            var before = cluster.Cpu(running);
            rates.Add(Builds / await RunAsync(cluster));
            cpus.Add(cluster.Cpu(running) - before);
            peaks.Add(OsProcess.PeakMb(running.Id));
        }

        report.Add("burst_1000_per_second", "builds/s", rates);
        report.Add("rss_peak_mb_burst", "MB", peaks);
        cpus.Add(report, "burst", Builds);
    }

    /// <summary>Seconds from the first POST until the last build has ended.</summary>
    private static async Task<double> RunAsync(BenchCluster cluster)
    {
        var tenants = Enumerable.Range(0, Tenants).Select(number => BenchCluster.Numbered("burst", number)).ToList();
        foreach (var tenant in tenants) await cluster.CreateNamespaceAsync(tenant);
        await cluster.QuietAsync();
        var builds = Enumerable.Range(0, Builds).Select(number => new NamespacedName(tenants[number % Tenants], BenchCluster.Numbered("app", number))).ToList();
        var started = Stopwatch.GetTimestamp();
        await Parallel.ForEachAsync(builds, new ParallelOptions { MaxDegreeOfParallelism = Clients },
            async (build, _) => await cluster.CreateBuildAsync(build, [Story.Amd64]));
        await Task.WhenAll(builds.Select(cluster.Spectator.EndAsync));
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
