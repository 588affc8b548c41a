using Slipway.Bench;
using Slipway.Bench.Chapters;

// make bench ONLY="burst starts" runs these chapters alone.
var only = args.ToHashSet();
var report = new Report();
IReadOnlyList<GrowthPoint> growth = [];

if (Wanted("requests") || Wanted("steady"))
{
    await using var cluster = await BenchCluster.StartAsync();
    await using var running = await cluster.StartOperatorAsync();
    await BenchCluster.Pause(30);
    report.Add("rss_mb_empty", "MB", OsProcess.ResidentMb(running.Id));
    await cluster.CreatePoolAsync();
    if (Wanted("requests")) await Requests.RunAsync(report, cluster);
    if (Wanted("steady")) await Steady.RunAsync(report, cluster, running);
}

if (Wanted("starts")) await Starts.RunAsync(report);
if (Wanted("burst")) await Burst.RunAsync(report);
if (Wanted("placing")) Placing.Run(report);
if (Wanted("farm")) await Farm.RunAsync(report);
if (Wanted("cache")) await Caches.RunAsync(report);
if (Wanted("growth")) growth = await Growth.RunAsync(report);

Console.WriteLine($"\n{Docs.Table(report)}");
if (growth.Count > 0)
{
    var plot = Plot.Svg(
    [
        new Curve("Memory at rest", "MB", [.. growth.Select(point => ((double)point.Builds, point.ResidentMb))]),
        new Curve("Start to first Job", "ms", [.. growth.Select(point => ((double)point.Builds, point.StartMs))]),
    ]);
    await File.WriteAllTextAsync(Repository.Path("artifacts", "bench", "benchmarks.svg"), plot);
    // The page holds one whole run: nothing of another, and no part of one.
    if (only.Count == 0 && Environment.GetEnvironmentVariable("UPDATE_DOCS") == "1") await Docs.WriteAsync(report, plot);
}

bool Wanted(string chapter) => only.Count == 0 || only.Contains(chapter);
