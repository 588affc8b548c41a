using System.Text;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Telemetry;
using Slipway.Scheduling;
using Slipway.Tests.Unit.Pools;

namespace Slipway.Tests.Unit.Scheduling;

public class FarmMetricsTests
{
    private const string Amd64 = """{namespace="builders",pool="farm",platform="linux/amd64"}""";
    private static readonly NamespacedName Farm = new("builders", "farm");

    private readonly OperatorMetrics _registry = new();
    private readonly FarmMetrics _metrics;

    public FarmMetricsTests() => _metrics = new FarmMetrics(_registry);

    [Fact]
    public async Task Observe_WhenAPoolHasLoad_SaysWhatItsStatusSays()
    {
        _metrics.Observe(PoolWorld.Pool(PoolWorld.Platform() with { BuildsPerBuilder = 3 }), Status("linux/amd64", "Ready", "Busy", "LowDisk"));

        var lines = await LinesAsync();
        lines.ShouldContain($"slipway_slots{With("state", "used")} 4");
        lines.ShouldContain($"slipway_slots{With("state", "total")} 6");
        lines.ShouldContain($"slipway_queued_builds{Amd64} 7");
        lines.ShouldContain($"slipway_builders{With("state", "Ready")} 1");
        lines.ShouldContain($"slipway_builders{With("state", "LowDisk")} 1");
        lines.ShouldContain($"slipway_builders{With("state", "Draining")} 0");
    }

    [Fact]
    public async Task Observe_WhenNothingHasBeenCountedYet_BeginsAtZero()
    {
        _metrics.Observe(PoolWorld.Pool(), Status("linux/amd64"));

        var lines = await LinesAsync();
        lines.ShouldContain($"slipway_spills_total{Amd64} 0");
        lines.ShouldContain($"slipway_queue_seconds_count{Amd64} 0");
        lines.ShouldContain($"slipway_scale_events_total{With("direction", "up")} 0");
        lines.ShouldContain($"slipway_scale_events_total{With("direction", "down")} 0");
    }

    [Fact]
    public async Task Counters_WhenThingsHappen_CountThem()
    {
        _metrics.Placed(Farm, "linux/amd64", new PlacedBuild(new("team-a", "app"), TimeSpan.FromSeconds(4), Spilled: true));
        _metrics.Placed(Farm, "linux/amd64", new PlacedBuild(new("team-a", "other"), TimeSpan.FromMilliseconds(20), Spilled: false));
        _metrics.Scaled(Farm, "linux/amd64", 0, 3);
        _metrics.Scaled(Farm, "linux/amd64", 3, 1);
        _metrics.Scaled(Farm, "linux/amd64", 1, 0);
        _metrics.Scaled(Farm, "linux/amd64", 0, 0);

        var lines = await LinesAsync();
        lines.ShouldContain($"slipway_queue_seconds_sum{Amd64} 4.02");
        lines.ShouldContain($"slipway_queue_seconds_bucket{With("le", "0.1")} 1");
        lines.ShouldContain($"slipway_spills_total{Amd64} 1");
        lines.ShouldContain($"slipway_scale_events_total{With("direction", "up")} 1");
        lines.ShouldContain($"slipway_scale_events_total{With("direction", "down")} 2");
    }

    [Fact]
    public async Task Forget_WhenAPoolIsGone_LeavesNoSeriesOfItAndAllOfOthers()
    {
        var other = PoolWorld.Pool();
        other.Metadata.NamespaceProperty = "elsewhere";
        _metrics.Observe(PoolWorld.Pool(), Status("linux/amd64", "Ready"));
        _metrics.Observe(other, Status("linux/amd64", "Ready"));

        _metrics.Forget(Farm);

        var lines = await LinesAsync();
        lines.ShouldNotContain(line => line.Contains("namespace=\"builders\"", StringComparison.Ordinal));
        lines.ShouldContain(line => line.StartsWith("slipway_builders{namespace=\"elsewhere\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Observe_WhenAPlatformLeftThePool_LeavesNoSeriesOfIt()
    {
        _metrics.Observe(PoolWorld.Pool(), Status("linux/amd64", "Ready"));

        _metrics.Observe(PoolWorld.Pool(PoolWorld.Platform("linux/arm64")), Status("linux/arm64", "Ready"));

        var lines = await LinesAsync();
        lines.ShouldNotContain(line => line.Contains("linux/amd64", StringComparison.Ordinal));
        lines.ShouldContain(line => line.Contains("linux/arm64", StringComparison.Ordinal));
    }

    private static string With(string label, string value) => $"{Amd64[..^1]},{label}=\"{value}\"}}";

    private static BuilderPoolStatus Status(string platform, params string[] states) => new()
    {
        Platforms =
        [
            new PoolPlatformStatus
            {
                Platform = platform, Building = 4, Queued = 7, Ready = states.Count(state => state is "Ready" or "Busy"),
                Builders = [.. states.Select((state, ordinal) => new BuilderStatus { Name = $"b-{ordinal}", State = state })],
            },
        ],
    };

    private async Task<string[]> LinesAsync()
    {
        using var stream = new MemoryStream();
        await _registry.Registry.CollectAndExportAsTextAsync(stream, TestContext.Current.CancellationToken);
        return Encoding.UTF8.GetString(stream.ToArray()).Split('\n');
    }
}
