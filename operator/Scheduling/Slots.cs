using Slipway.Kube;

namespace Slipway.Scheduling;

/// <summary>One platform of one build that wants a builder.</summary>
internal sealed record SlotRequest
{
    public required NamespacedName Build { get; init; }

    public required string BuildUid { get; init; }

    public required NamespacedName Pool { get; init; }

    public required string Platform { get; init; }

    /// <summary>Builds of one scope go to one builder as long as it has room: its cache is warm for them.</summary>
    public required string Scope { get; init; }

    /// <summary>When the build was made: the older one goes first.</summary>
    public required DateTime Created { get; init; }
}

/// <summary>How the platform of a build stands in the queue: a builder, or the reason why there is none.</summary>
internal sealed record SlotAnswer(Builder? Builder, WaitReason Reason)
{
    public static SlotAnswer Granted(Builder builder) => new(builder, WaitReason.None);

    public static SlotAnswer Waiting(WaitReason reason) => new(null, reason);
}

internal enum WaitReason
{
    None,

    /// <summary>Builders are ready, and all of them are busy.</summary>
    NoBuilderFree,

    /// <summary>No builder of the platform is ready.</summary>
    NoBuilderReady,
}

/// <summary>Where reconcilers ask for builders. Creating the Job commits a grant; a slot is held by a live Job alone.</summary>
internal interface ISlots
{
    /// <summary>
    /// The answers by platform, at once. Ask as often as you like: the same platform of the same build is one request.
    /// Who has to wait is woken when a builder is granted.
    /// </summary>
    IReadOnlyDictionary<string, SlotAnswer> Request(IReadOnlyList<SlotRequest> requests);

    /// <summary>The build wants nothing any more: it ended, changed or is gone.</summary>
    void Withdraw(NamespacedName build);
}

/// <summary>Who sees builders and Jobs of a pool change says so here.</summary>
internal interface IPoolWatcher
{
    /// <summary>Grants what is free now, and wakes the builds that have another answer than before.</summary>
    void Refresh(NamespacedName pool);
}
