using Prometheus;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Telemetry;

namespace Slipway.Scheduling;

/// <summary>
/// What pools count, by platform. Never by build: the number of series grows with the number of pools alone, and those of a pool that is
/// gone go with it.
/// </summary>
internal sealed class FarmMetrics
{
    private const string Up = "up";
    private const string Down = "down";
    private static readonly string[] ByPlatform = ["namespace", "pool", "platform"];
    private static readonly string[] ByState = [.. ByPlatform, "state"];
    private static readonly string[] BuilderStates = ["Ready", "Busy", "Draining", "NotReady", "LowDisk"];

    // From at once to an hour: a node may have to come first.
    private static readonly double[] WaitSeconds = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

    private readonly Histogram _wait;
    private readonly Gauge _slots;
    private readonly Gauge _builders;
    private readonly Gauge _queued;
    private readonly Counter _spills;
    private readonly Counter _scaleEvents;

    public FarmMetrics(OperatorMetrics metrics)
    {
        var factory = Metrics.WithCustomRegistry(metrics.Registry);
        _wait = factory.CreateHistogram("slipway_queue_seconds", "How long builds waited for a builder, each platform by itself.", ByPlatform, new HistogramConfiguration { Buckets = WaitSeconds });
        _slots = factory.CreateGauge("slipway_slots", "Builds that run, and builds that ready builders take at once.", ByState);
        _builders = factory.CreateGauge("slipway_builders", "Builders by state, as the pool's status has it.", ByState);
        _queued = factory.CreateGauge("slipway_queued_builds", "Builds that wait for a builder.", ByPlatform);
        _spills = factory.CreateCounter("slipway_spills_total", "Builds that went to another builder than the one that is warm for them.", ByPlatform);
        _scaleEvents = factory.CreateCounter("slipway_scale_events_total", "How often the number of builders that there should be has changed.", [.. ByPlatform, "direction"]);
    }

    /// <summary>A build got its builder.</summary>
    public void Placed(NamespacedName pool, string platform, PlacedBuild build)
    {
        _wait.WithLabels(Labels(pool, platform)).Observe(build.Waited.TotalSeconds);
        if (build.Spilled) _spills.WithLabels(Labels(pool, platform)).Inc();
    }

    /// <summary>There should be another number of builders from now on.</summary>
    public void Scaled(NamespacedName pool, string platform, int from, int to)
    {
        if (from != to) _scaleEvents.WithLabels(Labels(pool, platform, to > from ? Up : Down)).Inc();
    }

    /// <summary>The pool's numbers are those of its status. What is counted of its platforms begins at zero: an alert on a rate needs that before the one.</summary>
    public void Observe(V1Alpha1BuilderPool pool, BuilderPoolStatus status)
    {
        var key = NamespacedName.Of(pool);
        var platforms = status.Platforms ?? [];
        Remove(key, platform => platforms.All(kept => kept.Platform != platform));
        foreach (var platform in platforms) Observe(key, platform, BuildsPerBuilder(pool, platform.Platform));
    }

    private static int BuildsPerBuilder(V1Alpha1BuilderPool pool, string platform) =>
        pool.Spec.Platforms.FirstOrDefault(candidate => candidate.Platform == platform)?.BuildsPerBuilder ?? PoolView.DefaultBuildsPerBuilder;

    /// <summary>The pool is gone.</summary>
    public void Forget(NamespacedName pool) => Remove(pool, _ => true);

    private void Observe(NamespacedName pool, PoolPlatformStatus platform, int buildsPerBuilder)
    {
        var labels = Labels(pool, platform.Platform);
        _slots.WithLabels([.. labels, "used"]).Set(platform.Building ?? 0);
        _slots.WithLabels([.. labels, "total"]).Set((platform.Ready ?? 0) * buildsPerBuilder);
        _queued.WithLabels(labels).Set(platform.Queued ?? 0);
        foreach (var state in BuilderStates)
            _builders.WithLabels([.. labels, state]).Set((platform.Builders ?? []).Count(builder => builder.State == state));
        _wait.WithLabels(labels);
        _spills.WithLabels(labels);
        foreach (var direction in new[] { Up, Down }) _scaleEvents.WithLabels([.. labels, direction]);
    }

    private void Remove(NamespacedName pool, Func<string, bool> platform)
    {
        Remove(_wait, pool, platform);
        Remove(_slots, pool, platform);
        Remove(_builders, pool, platform);
        Remove(_queued, pool, platform);
        Remove(_spills, pool, platform);
        Remove(_scaleEvents, pool, platform);
    }

    private static void Remove<T>(Collector<T> metric, NamespacedName pool, Func<string, bool> platform)
        where T : ChildBase
    {
        foreach (var labels in metric.GetAllLabelValues().Where(labels => labels[0] == pool.Namespace && labels[1] == pool.Name && platform(labels[2])).ToList())
            metric.RemoveLabelled(labels);
    }

    private static string[] Labels(NamespacedName pool, string platform, params string[] more) => [pool.Namespace, pool.Name, platform, .. more];
}
