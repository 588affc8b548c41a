using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Scheduling;

/// <summary>What the scheduler sees of one platform of a pool: who could take builds, and who holds slots.</summary>
internal sealed record PoolView
{
    public required int BuildsPerBuilder { get; init; }

    /// <summary>Builders that take builds.</summary>
    public required IReadOnlyList<Builder> Builders { get; init; }

    /// <summary>Live Jobs and grants that no Job has been seen for yet.</summary>
    public required IReadOnlyList<HeldSlot> Held { get; init; }

    public int LoadOf(Builder builder) => Held.Count(slot => slot.BuilderUid == builder.Uid);

    public bool HasRoom(Builder builder) => LoadOf(builder) < Math.Min(BuildsPerBuilder, builder.Room ?? BuildsPerBuilder);
}

/// <summary>One build of one platform on one builder.</summary>
internal sealed record HeldSlot(NamespacedName Build, string BuildUid, string Platform, string BuilderUid);

/// <summary>A build Job and the slot that it holds while it is live.</summary>
internal sealed record JobSlot(string Uid, bool Live, HeldSlot Slot);

/// <summary>Defaults for pools that an old server stored without them.</summary>
internal static class PoolDefaults
{
    public const int BuildsPerBuilder = 2;

    public static int BuildsPerBuilderOf(V1Alpha1BuilderPool pool, string platform) =>
        pool.Spec.Platforms.FirstOrDefault(candidate => candidate.Platform == platform)?.BuildsPerBuilder ?? BuildsPerBuilder;
}
