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

    /// <summary>Within the namespace: the higher one goes first.</summary>
    public int Priority { get; init; }

    /// <summary>Which spec of the build it is for: a Job of another one still holds its slot, and answers nothing.</summary>
    public string BuildKey { get; init; } = "";

    /// <summary>Which one it is, 1 for the first. A Job of one before it still holds its slot, and answers nothing.</summary>
    public int Attempt { get; init; } = 1;

    /// <summary>Names of builders that failed it: it goes to another one where one takes builds.</summary>
    public IReadOnlyList<string> Avoid { get; init; } = [];
}

/// <summary>How the platform of a build stands in the queue: a builder, or the reason why there is none.</summary>
internal sealed record SlotAnswer(Builder? Builder, WaitReason Reason)
{
    /// <summary>The builder that is warm for the scope, whether or not it is the one that was granted; null where nothing is known yet.</summary>
    public string? PreferredBuilder { get; init; }

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

    /// <summary>The builder that is warm for the scope is busy: for a moment that one is waited for.</summary>
    WarmBuilderBusy,
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

    /// <summary>How a Job on a builder ended, so that builders nobody can reach are left alone. The same Job counts once.</summary>
    void Report(JobOutcome outcome);
}

/// <summary>Whether the builder of a Job that has ended could be reached.</summary>
internal sealed record JobOutcome(NamespacedName Pool, string Platform, string BuilderUid, string JobUid, bool Reached);

/// <summary>What the pools' controller decides about builders. Every call answers at once, from memory.</summary>
internal interface IBuilderService
{
    /// <summary>From now on exactly these builders take no new builds; what runs on them goes on.</summary>
    void Drain(NamespacedName pool, string platform, IReadOnlySet<string> builderUids);

    /// <summary>
    /// True where no build runs on the builder, and none was promised it: then it is given none any more, until its pod is gone. False
    /// where it is in use.
    /// </summary>
    bool TryRetire(NamespacedName pool, string platform, string builderUid);
}

/// <summary>Who sees builders and Jobs of a pool change says so here.</summary>
internal interface IPoolWatcher
{
    /// <summary>Grants what is free now, and wakes the builds that have another answer than before.</summary>
    void Refresh(NamespacedName pool);
}
