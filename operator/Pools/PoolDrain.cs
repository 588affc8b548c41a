using Slipway.Api;

namespace Slipway.Pools;

/// <summary>What the pool asks of the scheduler for the builders of one platform.</summary>
/// <param name="Platform">As users write it.</param>
/// <param name="Drained">Uids of those that take no new builds.</param>
/// <param name="Surplus">Uids of those that are not wanted any more, in order: behind one that is in use, none can go.</param>
/// <param name="Replaced">Uids of those that are to come back as another pod once they are idle.</param>
internal sealed record PoolDrain(string Platform, IReadOnlySet<string> Drained, IReadOnlyList<string> Surplus, IReadOnlyList<string> Replaced)
{
    public static PoolDrain Of(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var builders = PoolBuilder.Of(snapshot, platform).Where(builder => !builder.Terminating).ToList();
        var leaving = builders.Where(builder => builder.Node != NodeState.Good || builder.Rekeyed);
        // A pod on a cordoned node that has ended starts elsewhere, or stays pending without a node: it is not asked for again.
        var cordoned = builders.Where(builder => builder is { Node: NodeState.Cordoned, Builds: 0 });
        var rolled = PoolRoll.Next(snapshot, platform) is { } next ? [next] : Array.Empty<PoolBuilder>();
        var replaced = cordoned.Concat(PoolRoll.Useless(snapshot, platform)).Concat(rolled.Where(builder => builder.Builds == 0));
        return new PoolDrain(
            platform.Platform,
            leaving.Concat(rolled).Select(builder => builder.Uid).ToHashSet(),
            [.. PoolSizing.Surplus(snapshot, platform).Select(builder => builder.Uid)],
            [.. replaced.Select(builder => builder.Uid).Distinct()]);
    }
}
