using System.Collections.Concurrent;
using k8s;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Pools;

/// <summary>
/// Counters of builds change with every build, and everybody who watches the pool hears of each write: they are written every few
/// seconds at most. All else is written at once, and takes the counters along.
/// </summary>
internal sealed class StatusPace(PoolOptions options, TimeProvider time)
{
    private readonly ConcurrentDictionary<NamespacedName, DateTimeOffset> _written = new();

    /// <summary>The status to write now, which may be the one that is there, and how long the rest has to wait; null where nothing does.</summary>
    public (BuilderPoolStatus? Status, TimeSpan? Wait) Of(NamespacedName pool, BuilderPoolStatus? before, BuilderPoolStatus now)
    {
        if (before is not null && Json(before) == Json(now)) return (before, null);
        var wait = _written.GetValueOrDefault(pool) + options.CountersInterval - time.GetUtcNow();
        if (wait > TimeSpan.Zero && before is not null && Json(WithoutCounters(before)) == Json(WithoutCounters(now))) return (before, wait);
        _written[pool] = time.GetUtcNow();
        return (now, null);
    }

    public void Forget(NamespacedName pool) => _written.TryRemove(pool, out _);

    private static BuilderPoolStatus WithoutCounters(BuilderPoolStatus status) => status with
    {
        Summary = status.Summary is null ? null : status.Summary with { Building = null, Queued = null },
        Platforms = status.Platforms is null ? null : [.. status.Platforms.Select(WithoutCounters)],
    };

    private static PoolPlatformStatus WithoutCounters(PoolPlatformStatus platform) => platform with
    {
        Building = null,
        Queued = null,
        Builders = platform.Builders is null ? null : [.. platform.Builders.Select(WithoutCounters)],
    };

    /// <summary>Ready and Busy say no more than the count of builds does.</summary>
    private static BuilderStatus WithoutCounters(BuilderStatus builder) => builder with
    {
        Builds = null,
        State = builder.State == BuilderStates.Busy ? BuilderStates.Ready : builder.State,
    };

    /// <summary>Records that hold lists do not compare by value.</summary>
    private static string Json(BuilderPoolStatus status) => KubernetesJson.Serialize(status);
}
