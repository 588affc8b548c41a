using Slipway.Api;

namespace Slipway.Pools;

/// <summary>
/// How many builders a platform has: as many as are wanted, at once, and fewer only past those that take no build any more. It follows
/// from the pods that are there and not from the StatefulSet's own number, which a store may show late.
/// </summary>
internal static class PoolSizing
{
    public static int Min(PoolPlatform platform) => Range(platform).Min;

    public static int Max(PoolPlatform platform) => Range(platform).Max;

    /// <summary>How many there should be.</summary>
    public static int Desired(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var range = Range(platform);
        return Math.Max(range.Min, Math.Min(range.Max, snapshot.Queue(platform.Platform).Desired));
    }

    /// <summary>The StatefulSet's replicas. A StatefulSet removes the highest ordinals, so whoever stays keeps all below it.</summary>
    public static int Replicas(PoolSnapshot snapshot, PoolPlatform platform) =>
        PoolBuilder.Named(snapshot, platform).Where(builder => builder is { Retired: false, Terminating: false })
            .Select(builder => builder.Ordinal + 1).Append(Desired(snapshot, platform)).Max();

    /// <summary>Builders that are to go, in the order in which they can: behind one that stays, none goes.</summary>
    public static IEnumerable<PoolBuilder> Surplus(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var desired = Desired(snapshot, platform);
        return PoolBuilder.Named(snapshot, platform).Where(builder => builder.Ordinal >= desired && !builder.Terminating).Reverse();
    }

    private static PoolReplicas Range(PoolPlatform platform) => platform.Replicas ?? new PoolReplicas();
}
