using System.Diagnostics;
using Slipway.Kube;

namespace Slipway.Bench.Chapters;

/// <summary>How long nobody works: after a start, and after the one that led has gone.</summary>
internal static class Starts
{
    private const int StartRuns = 7;
    private const int TermRuns = 5;
    private const int KillRuns = 3;
    private const string Tenant = "starts";

    public static async Task RunAsync(Report report)
    {
        await using var cluster = await BenchCluster.StartAsync();
        await using (await cluster.StartOperatorAsync()) await cluster.CreatePoolAsync();
        await cluster.CreateNamespaceAsync(Tenant);

        report.Say($"{StartRuns} starts");
        var starts = new List<double>();
        for (var run = 0; run < StartRuns; run++) starts.Add(await StartAsync(cluster, new(Tenant, BenchCluster.Numbered("start", run))));
        report.Add("start_to_first_reconcile_ms", "ms", starts);

        report.Say($"{TermRuns} ends of the leader by SIGTERM, {KillRuns} by SIGKILL");
        report.Add("failover_sigterm_s", "s", await FailOverAsync(cluster, TermRuns, "term", leader => leader.DisposeAsync().AsTask()));
        report.Add("failover_sigkill_s", "s", await FailOverAsync(cluster, KillRuns, "kill", leader => leader.KillAsync()));
    }

    /// <summary>Milliseconds from the start of the process until a build that waited for it has its Job. The operator is stopped then.</summary>
    public static async Task<double> StartAsync(BenchCluster cluster, NamespacedName build)
    {
        await cluster.CreateBuildAsync(build, [Story.Amd64]);
        await using var running = OperatorProcess.Start(cluster.OperatorKubeconfig());
        var first = Stopwatch.GetElapsedTime(running.Started, await cluster.Spectator.FirstJobAsync(build)).TotalMilliseconds;
        await cluster.AgeAsync(build);
        await cluster.QuietAsync(seconds: 2);
        return first;
    }

    /// <summary>
    /// Seconds from the signal until a build has its Job that was created as soon as the leader's process had ended, so that it is
    /// the other one's work alone.
    /// </summary>
    private static async Task<IReadOnlyList<double>> FailOverAsync(BenchCluster cluster, int runs, string name, Func<OperatorProcess, Task> end)
    {
        var times = new List<double>();
        var leader = await cluster.StartOperatorAsync();
        for (var run = 0; run < runs; run++)
        {
            var standby = await cluster.StartOperatorAsync();
            // Some other moment between two renewals each time.
            await BenchCluster.Pause(3 + (run * 0.7));
            var signal = Stopwatch.GetTimestamp();
            await end(leader);
            var build = new NamespacedName(Tenant, BenchCluster.Numbered(name, run));
            await cluster.CreateBuildAsync(build, [Story.Amd64]);
            times.Add(Stopwatch.GetElapsedTime(signal, await cluster.Spectator.FirstJobAsync(build)).TotalSeconds);
            await cluster.Spectator.EndAsync(build);
            await leader.DisposeAsync();
            leader = standby;
        }

        await leader.DisposeAsync();
        return times;
    }
}
