using System.Diagnostics;
using Slipway.Kube;

namespace Slipway.Bench.Chapters;

/// <summary>What builds wait for the operator, and what it costs, while they come at an even pace.</summary>
internal static class Steady
{
    private const int PerSecond = 10;
    private const int Seconds = 60;
    private const int Tenants = 10;

    /// <summary>A process that has just started compiles its code, and we with it.</summary>
    private const int WarmUp = 30;

    /// <param name="report">Where the figures go.</param>
    /// <param name="cluster">With a pool.</param>
    /// <param name="running">The operator there.</param>
    /// <param name="suffix">Of the figures' names.</param>
    public static async Task RunAsync(Report report, BenchCluster cluster, OperatorProcess running, string suffix = "")
    {
        report.Say($"{PerSecond} builds a second for {Seconds} s");
        var tenants = Enumerable.Range(0, Tenants).Select(number => BenchCluster.Numbered("steady", number)).ToList();
        foreach (var tenant in tenants) await cluster.CreateNamespaceAsync(tenant);
        var first = Builds(tenants, "warm", WarmUp);
        await WaitsAsync(cluster, first);
        await cluster.QuietAsync(seconds: 6);

        var builds = Builds(tenants, "app", PerSecond * Seconds);
        var before = cluster.Cpu(running);
        var waits = await WaitsAsync(cluster, builds);
        var cpu = cluster.Cpu(running) - before;
        var asked = await cluster.QuietAsync(seconds: 6);

        report.AddPercentile($"create_to_job_p50_ms{suffix}", "ms", 0.5, waits.Select(wait => wait.ToJob));
        report.AddPercentile($"create_to_job_p99_ms{suffix}", "ms", 0.99, waits.Select(wait => wait.ToJob));
        report.AddPercentile($"operator_share_p50_ms{suffix}", "ms", 0.5, waits.Select(wait => wait.Share));
        report.AddPercentile($"operator_share_p99_ms{suffix}", "ms", 0.99, waits.Select(wait => wait.Share));
        var pool = asked.Where(entry => entry.IsWrite && entry.Namespace == BenchCluster.Builders).ToList();
        report.Add($"api_writes_pool_per_minute{suffix}", "requests", pool.Count * 60.0 / Seconds);
        report.Note($"api_writes_pool_per_minute{suffix}", pool.Summary(1));
        report.Add($"api_reads_steady{suffix}", "requests", asked.Count(entry => entry.IsRead));
        new[] { cpu }.Add(report, $"steady{suffix}", builds.Count);

        // What comes after it shall not meet their clean-up.
        foreach (var build in first.Concat(builds)) await cluster.AgeAsync(build);
        await cluster.QuietAsync();
    }

    private static List<NamespacedName> Builds(List<string> tenants, string name, int count) =>
        [.. Enumerable.Range(0, count).Select(number => new NamespacedName(tenants[number % tenants.Count], BenchCluster.Numbered(name, number)))];

    /// <summary>What each build waited for the operator. Returns when all have ended.</summary>
    private static async Task<IReadOnlyList<OperatorWait>> WaitsAsync(BenchCluster cluster, List<NamespacedName> builds)
    {
        var started = Stopwatch.GetTimestamp();
        var waits = new List<Task<OperatorWait>>();
        foreach (var build in builds)
        {
            var due = TimeSpan.FromSeconds((double)waits.Count / PerSecond) - Stopwatch.GetElapsedTime(started);
            if (due > TimeSpan.Zero) await Task.Delay(due, TimeProvider.System, CancellationToken.None);
            waits.Add(WaitAsync(cluster, build));
        }

        return await Task.WhenAll(waits);
    }

    private static async Task<OperatorWait> WaitAsync(BenchCluster cluster, NamespacedName build)
    {
        var asked = Stopwatch.GetTimestamp();
        await cluster.CreateBuildAsync(build, [Story.Amd64]);
        var toJob = Stopwatch.GetElapsedTime(asked, await cluster.Spectator.FirstJobAsync(build)).TotalMilliseconds;
        var end = await cluster.Spectator.EndSeenAsync(build);
        return new OperatorWait(toJob, Stopwatch.GetElapsedTime(cluster.StandIn.LastPodEnd(build), end).TotalMilliseconds);
    }

    /// <summary>Milliseconds from before a build's POST until its Job is seen, and from before its pod ended until the build's end is seen.</summary>
    private sealed record OperatorWait(double ToJob, double ToEnd)
    {
        public double Share => ToJob + ToEnd;
    }
}
