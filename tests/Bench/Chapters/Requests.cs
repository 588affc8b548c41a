using Slipway.Kube;

namespace Slipway.Bench.Chapters;

/// <summary>What one build asks of the API server, from its creation until nothing but the ImageBuild is left.</summary>
internal static class Requests
{
    private const int Runs = 12;
    private const int AtOnce = 4;

    public static async Task RunAsync(Report report, BenchCluster cluster)
    {
        report.Say($"{Runs} builds of one platform, {Runs} of two, {Runs} of two from a branch");
        var one = await CountAsync(report, cluster, "single", "api_writes_single_platform", [Story.Amd64], Story.Commit);
        report.Add("imagebuild_revisions", "revisions", one.Revisions);
        var two = await CountAsync(report, cluster, "double", "api_writes_two_platforms", [Story.Amd64, Story.Arm64], Story.Commit);
        report.Add("imagebuild_revisions_two_platforms", "revisions", two.Revisions);
        var branch = await CountAsync(report, cluster, "branch", "api_writes_two_platforms_branch", [Story.Amd64, Story.Arm64], "main");
        report.Add(new Figure("api_reads_hot_path", one.Reads + two.Reads + branch.Reads, "requests", 3 * Runs, 0, one.Reads + two.Reads + branch.Reads));
    }

    private static async Task<(IReadOnlyList<double> Revisions, int Reads)> CountAsync(
        Report report, BenchCluster cluster, string prefix, string name, string[] platforms, string revision)
    {
        // A namespace for each, by which the log tells them apart, Events and children too.
        var builds = Enumerable.Range(0, Runs).Select(number => new NamespacedName(BenchCluster.Numbered(prefix, number), "app")).ToList();
        foreach (var build in builds) await cluster.CreateNamespaceAsync(build.Namespace);
        await cluster.QuietAsync();
        await Parallel.ForEachAsync(builds, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (build, _) =>
        {
            await cluster.CreateBuildAsync(build, platforms, revision);
            await cluster.Spectator.EndAsync(build);
        });
        var asked = await cluster.QuietAsync();
        var revisions = builds.Select(build => (double)cluster.Spectator.Revisions(build)).ToList();

        foreach (var build in builds) await cluster.AgeAsync(build);
        asked.AddRange(await cluster.QuietAsync());
        if (cluster.StandIn.Jobs != 0) throw new InvalidOperationException($"{cluster.StandIn.Jobs} Jobs are left of builds that ended an hour ago.");

        var writes = asked.Where(entry => entry.IsWrite).ToLookup(entry => entry.Namespace);
        report.Add(name, "requests", builds.Select(build => (double)writes[build.Namespace].Count()));
        report.Note(name, builds.SelectMany(build => writes[build.Namespace]).Summary(Runs));
        return (revisions, asked.Count(entry => entry.IsRead));
    }
}
