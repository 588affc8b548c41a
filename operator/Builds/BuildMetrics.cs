using Prometheus;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Informers;
using Slipway.Kube.Telemetry;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>
/// How builds run and end, by pool, platform and class. Never by build: the number of series grows with the number of pools alone, and
/// those of a pool or platform that is gone go with it.
/// </summary>
internal sealed class BuildMetrics
{
    private const string Succeeded = nameof(Succeeded);
    private const string Failed = nameof(Failed);
    private static readonly string[] ByPool = ["namespace", "pool"];
    private static readonly string[] ByPlatform = [.. ByPool, "platform"];
    private static readonly string[] Classes = Enum.GetNames<FailureClass>();
    private static readonly string[] RetriedClasses = [nameof(FailureClass.Infrastructure), nameof(FailureClass.Registry), nameof(FailureClass.Unknown)];
    private static readonly string[] Roles = [JobRoles.Prepare, JobRoles.Build, JobRoles.Publish];

    // From what is all cached to the longest timeout that is common.
    private static readonly double[] BuildSeconds = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];

    private readonly IStore<V1Alpha1BuilderPool> _pools;
    private readonly Histogram _time;
    private readonly Counter _attempts;
    private readonly Counter _retries;
    private readonly Counter _builds;
    private readonly Counter _unclassified;
    private readonly Counter _steps;

    public BuildMetrics(OperatorMetrics metrics, IStore<V1Alpha1BuilderPool> pools)
    {
        _pools = pools;
        var factory = Metrics.WithCustomRegistry(metrics.Registry);
        _time = factory.CreateHistogram("slipway_build_seconds", "How long attempts to build a platform ran.", [.. ByPlatform, "outcome"], new HistogramConfiguration { Buckets = BuildSeconds });
        _attempts = factory.CreateCounter("slipway_attempts_total", "Attempts to build a platform that have ended, by class of failure.", [.. ByPlatform, "class"]);
        _retries = factory.CreateCounter("slipway_retries_total", "Attempts that failed and are followed by another.", [.. ByPool, "role", "class"]);
        _builds = factory.CreateCounter("slipway_builds_total", "Builds that have ended, by phase and class of failure.", [.. ByPool, "phase", "class"]);
        _unclassified = factory.CreateCounter("slipway_unclassified_total", "Failures that nothing recognised.", ByPool);
        _steps = factory.CreateCounter("slipway_cache_steps_total", "Steps of Dockerfiles that were built, FROM left out, by whether they came from cache.", [.. ByPlatform, "cached"]);
        metrics.Registry.AddBeforeCollectCallback(Settle);
    }

    /// <summary>What a status write has changed.</summary>
    public void Count(NamespacedName pool, BuildNews news)
    {
        string[] labels = [pool.Namespace, pool.Name];
        foreach (var attempt in news.Retried) _retries.WithLabels([.. labels, attempt.Role, attempt.Class ?? ""]).Inc();
        foreach (var attempt in news.Retried.Where(attempt => attempt.Role == JobRoles.Build).Concat(news.Decided)) Count(labels, attempt);
        foreach (var platform in news.Built) Count(labels, platform);
        if (news.Ended is { } phase) _builds.WithLabels([.. labels, phase, news.Failure?.Class ?? ""]).Inc();
        if (news.Unclassified > 0) _unclassified.WithLabels(labels).Inc(news.Unclassified);
    }

    private void Count(string[] labels, BuildAttempt attempt)
    {
        _attempts.WithLabels([.. labels, attempt.Platform!, attempt.Class ?? Succeeded]).Inc();
        if (attempt.Took is { } took) _time.WithLabels([.. labels, attempt.Platform!, attempt.Class is null ? Succeeded : Failed]).Observe(took.TotalSeconds);
    }

    private void Count(string[] labels, PlatformBuildStatus platform)
    {
        if (platform.Cache is not { Steps: { } steps, Cached: { } cached }) return;
        _steps.WithLabels([.. labels, platform.Platform, "true"]).Inc(cached);
        _steps.WithLabels([.. labels, platform.Platform, "false"]).Inc(steps - cached);
    }

    /// <summary>Whenever somebody looks: what is counted begins at zero, since an alert on a rate needs that before the one, and ends with its pool.</summary>
    private void Settle()
    {
        if (!_pools.HasSynced) return;
        var pools = _pools.List().ToDictionary(NamespacedName.Of, pool => pool.Spec.Platforms.Select(platform => platform.Platform).ToHashSet());
        foreach (var metric in new Collector<Counter.Child>[] { _retries, _builds, _unclassified }) Remove(metric, labels => !pools.ContainsKey(PoolOf(labels)));
        Remove(_attempts, labels => !Has(pools, labels));
        Remove(_steps, labels => !Has(pools, labels));
        Remove(_time, labels => !Has(pools, labels));
        foreach (var (pool, platforms) in pools) Begin([pool.Namespace, pool.Name], platforms);
    }

    private void Begin(string[] pool, IEnumerable<string> platforms)
    {
        _unclassified.WithLabels(pool);
        _builds.WithLabels([.. pool, Phases.Succeeded, ""]);
        foreach (var failure in Classes.Where(failure => failure != nameof(FailureClass.Cancelled))) _builds.WithLabels([.. pool, Phases.Failed, failure]);
        foreach (var failure in RetriedClasses)
        {
            foreach (var role in Roles) _retries.WithLabels([.. pool, role, failure]);
        }

        foreach (var platform in platforms)
        {
            foreach (var failure in Classes.Where(failure => failure != nameof(FailureClass.Cancelled)).Append(Succeeded)) _attempts.WithLabels([.. pool, platform, failure]);
            foreach (var cached in new[] { "true", "false" }) _steps.WithLabels([.. pool, platform, cached]);
            foreach (var outcome in new[] { Succeeded, Failed }) _time.WithLabels([.. pool, platform, outcome]);
        }
    }

    private static bool Has(Dictionary<NamespacedName, HashSet<string>> pools, string[] labels) =>
        pools.TryGetValue(PoolOf(labels), out var platforms) && platforms.Contains(labels[2]);

    private static NamespacedName PoolOf(string[] labels) => new(labels[0], labels[1]);

    private static void Remove<T>(Collector<T> metric, Func<string[], bool> gone)
        where T : ChildBase
    {
        foreach (var labels in metric.GetAllLabelValues().Where(gone).ToList()) metric.RemoveLabelled(labels);
    }
}
