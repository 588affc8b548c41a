using Slipway.Api;

namespace Slipway.Pools;

/// <summary>Brings builders to a changed template, one of a platform at a time and only when no build runs on it.</summary>
internal static class PoolRoll
{
    /// <summary>
    /// The one that takes no new builds until it is idle and can be replaced; null where none is outdated, or where another is not back
    /// yet. Whoever was draining already goes on, or builds would be turned away from one builder after the other.
    /// </summary>
    public static PoolBuilder? Next(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var members = Members(snapshot, platform);
        var draining = DrainingBefore(snapshot, platform);
        var next = members.Where(builder => builder.Outdated && builder.Builder.Ready)
            .OrderByDescending(builder => draining.Contains(builder.Builder.Name)).ThenBy(builder => builder.Builds).FirstOrDefault();
        var others = members.Count(builder => builder != next && builder.Builder.Ready && builder.Node == NodeState.Good);
        return others < PoolSizing.Desired(snapshot, platform) - 1 ? null : next;
    }

    /// <summary>
    /// Those that take no builds anyway. Not one after the other: where an image is broken, none would ever get ready, and where the pool
    /// has another authority, none has any use before it is rolled.
    /// </summary>
    public static IEnumerable<PoolBuilder> Useless(PoolSnapshot snapshot, PoolPlatform platform) =>
        Members(snapshot, platform).Where(builder => builder is { Outdated: true, Terminating: false, Builds: 0 }
            && (!builder.Builder.Ready || builder.Rekeyed || builder.Expired));

    /// <summary>A surplus builder goes by scaling.</summary>
    private static List<PoolBuilder> Members(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var desired = PoolSizing.Desired(snapshot, platform);
        return [.. PoolBuilder.Of(snapshot, platform).Where(builder => builder.Ordinal < desired)];
    }

    private static HashSet<string> DrainingBefore(PoolSnapshot snapshot, PoolPlatform platform) =>
        [.. (snapshot.Pool.Status?.Platforms ?? []).Where(status => status.Platform == platform.Platform)
            .SelectMany(status => status.Builders ?? []).Where(builder => builder.State == BuilderStates.Draining).Select(builder => builder.Name)];
}
