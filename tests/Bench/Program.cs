using Slipway.Bench;
using Slipway.Bench.Chapters;

var report = new Report();
await using (var cluster = await BenchCluster.StartAsync())
{
    await using var running = await cluster.StartOperatorAsync();
    await cluster.CreatePoolAsync();
    await Requests.RunAsync(report, cluster);
}
