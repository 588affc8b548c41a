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
    await cluster.CreatePoolAsync();
    if (Wanted("requests")) await Requests.RunAsync(report, cluster);
    if (Wanted("steady")) await Steady.RunAsync(report, cluster, running);
}

if (Wanted("starts")) await Starts.RunAsync(report);
if (Wanted("burst")) await Burst.RunAsync(report);
if (Wanted("growth")) growth = await Growth.RunAsync(report);

bool Wanted(string chapter) => only.Count == 0 || only.Contains(chapter);
