using System.Diagnostics;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;

namespace Slipway.Bench.Chapters;

/// <summary>One point of the plot.</summary>
internal sealed record GrowthPoint(int Builds, double ResidentMb, double StartMs);

/// <summary>What finished builds cost an operator that has nothing to do with them any more. 200 builds run all the time.</summary>
internal static class Growth
{
    private const int LiveBuilds = 200;
    private const int ProbeStarts = 3;
    private const int LastRests = 3;
    private const int Tenants = 20;
    private const string Live = "live";
    private const string Probes = "probes";

    /// <summary>The operator gives memory back after ten seconds without work.</summary>
    private const double SettleSeconds = 30;

    /// <summary>An operator's watches run five to ten minutes. From five minutes after its start on, each is opened anew sooner than over time.</summary>
    private static readonly TimeSpan IdleFrom = TimeSpan.FromMinutes(5);
    private const double IdleMinutes = 2;

    private static readonly int[] Levels = [0, 1000, 2500, 5000];
    private static readonly string[] Both = [Story.Amd64, Story.Arm64];
    private static readonly ParallelOptions Clients = new() { MaxDegreeOfParallelism = 16 };

    public static async Task<IReadOnlyList<GrowthPoint>> RunAsync(Report report)
    {
        await using var cluster = await BenchCluster.StartAsync();
        var template = await PrepareAsync(report, cluster);
        var points = new List<GrowthPoint>();
        foreach (var level in Levels)
        {
            report.Say($"{level} finished builds");
            await FillAsync(cluster, template, points.Count == 0 ? 0 : points[^1].Builds, level);
            points.Add(new GrowthPoint(level, await RestAsync(report, cluster, level), await StartAsync(report, cluster, level)));
        }

        report.Add("rss_mb_per_1000", "MB", (points[^1].ResidentMb - points[0].ResidentMb) * 1000 / Levels[^1]);
        await using var running = await cluster.StartOperatorAsync();
        await Steady.RunAsync(report, cluster, running, $"_{Levels[^1]}");
        await IdleAsync(report, cluster, running);
        return points;
    }

    /// <summary>The builds that run on, and one that has ended.</summary>
    private static async Task<V1Alpha1ImageBuild> PrepareAsync(Report report, BenchCluster cluster)
    {
        report.Say($"a pool with {LiveBuilds} builds that run on");
        await using var running = await cluster.StartOperatorAsync();
        await cluster.CreatePoolAsync();
        foreach (var space in Enumerable.Range(0, Tenants).Select(Tenant).Append(Live).Append(Probes)) await cluster.CreateNamespaceAsync(space);
        cluster.StandIn.Runs(Live, StandIn.Forever);
        var live = Enumerable.Range(0, LiveBuilds).Select(number => new NamespacedName(Live, BenchCluster.Numbered("app", number))).ToList();
        await Parallel.ForEachAsync(live, Clients, async (build, _) => await cluster.CreateBuildAsync(build, [Story.Amd64]));
        await Task.WhenAll(live.Select(cluster.Spectator.FirstJobAsync));
        var first = new NamespacedName(Probes, "first");
        await cluster.CreateBuildAsync(first, Both);
        var template = await cluster.Spectator.EndAsync(first);
        await cluster.AgeAsync(first);
        await cluster.QuietAsync(seconds: 6);
        return template;
    }

    /// <summary>
    /// Builds as they are a while after their end: the ImageBuild alone is left, and its status is what the operator writes. None
    /// runs meanwhile: it would build them.
    /// </summary>
    private static Task FillAsync(BenchCluster cluster, V1Alpha1ImageBuild template, int from, int to) =>
        Parallel.ForEachAsync(Enumerable.Range(from, to - from), Clients, async (number, _) =>
        {
            var build = await cluster.CreateBuildAsync(new(Tenant(number % Tenants), BenchCluster.Numbered("done", number)), Both);
            var status = template.Status! with
            {
                BuildKey = BuildKey.Of(build.Spec),
                Image = $"{build.Spec.Output.Image}@{template.Status!.IndexDigest}",
                StartedAt = template.Status!.StartedAt!.Value.AddHours(-1),
                CompletedAt = template.Status!.CompletedAt!.Value.AddHours(-1),
            };
            await cluster.Client.PatchStatusAsync<V1Alpha1ImageBuild>(NamespacedName.Of(build), null, null, KubeJson.ToNode(status), default);
        });

    /// <summary>Megabytes at rest after a start, and what the start wrote.</summary>
    private static async Task<double> RestAsync(Report report, BenchCluster cluster, int level)
    {
        var (residents, peaks, writes) = (new List<double>(), new List<double>(), new List<double>());
        for (var run = 0; run < (level == Levels[^1] ? LastRests : 1); run++)
        {
            cluster.Audit.Read();
            await using var running = await cluster.StartOperatorAsync();
            await BenchCluster.Pause(SettleSeconds);
            var written = cluster.Audit.Read().Where(entry => entry.IsWrite).ToList();
            residents.Add(OsProcess.ResidentMb(running.Id));
            peaks.Add(OsProcess.PeakMb(running.Id));
            writes.Add(written.Count);
            if (written.Count > 0) report.Say("written after the start: " + written.Summary(1));
        }

        report.Add($"rss_peak_mb_{level}", "MB", peaks);
        report.Add($"writes_on_restart_{level}_finished", "requests", writes);
        return report.Add($"rss_mb_{level}", "MB", residents);
    }

    private static async Task<double> StartAsync(Report report, BenchCluster cluster, int level)
    {
        var starts = new List<double>();
        for (var run = 0; run < ProbeStarts; run++) starts.Add(await Starts.StartAsync(cluster, new(Probes, BenchCluster.Numbered($"probe-{level}", run))));
        return report.Add($"start_to_first_reconcile_ms_{level}", "ms", starts);
    }

    private static async Task IdleAsync(Report report, BenchCluster cluster, OperatorProcess running)
    {
        var wait = IdleFrom - Stopwatch.GetElapsedTime(running.Started);
        report.Say($"idle for {IdleMinutes} min, in {wait.TotalSeconds:0} s");
        if (wait > TimeSpan.Zero) await BenchCluster.Pause(wait.TotalSeconds);
        cluster.Audit.Read();
        var before = cluster.Cpu(running);
        await BenchCluster.Pause(IdleMinutes * 60);
        var asked = cluster.Audit.Read();
        var cpu = cluster.Cpu(running) - before;
        var name = $"per_minute_{Levels[^1]}";
        report.Add($"idle_requests_{name}", "requests", asked.Count / IdleMinutes);
        report.Add($"idle_watches_opened_{name}", "requests", asked.Count(entry => entry.Verb == "watch") / IdleMinutes);
        report.Add($"idle_writes_pool_{name}", "requests", asked.Count(entry => entry.IsWrite && entry.Namespace == BenchCluster.Builders) / IdleMinutes);
        report.Add($"cpu_idle_operator_{name}", "ms", cpu.Operator * 1000 / IdleMinutes);
        report.Add($"rss_mb_after_work_{Levels[^1]}", "MB", OsProcess.ResidentMb(running.Id));
    }

    private static string Tenant(int number) => BenchCluster.Numbered("team", number);
}
