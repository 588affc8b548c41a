using Slipway.Api;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>A snapshot read: every fact that the rules ask for, computed once.</summary>
internal sealed record BuildState
{
    public required BuildSnapshot Snapshot { get; init; }

    public required string BuildKey { get; init; }

    /// <summary>Status of this buildKey; an empty one where status speaks of another.</summary>
    public required ImageBuildStatus Before { get; init; }

    public IReadOnlyList<PlatformState> Platforms { get; init; } = [];

    public string? Commit { get; init; }

    public DateTime? StartedAt { get; init; }

    public DateTime? RequestedAt { get; init; }

    /// <summary>Looking up the commit.</summary>
    public Attempts Prepare { get; init; } = new();

    /// <summary>Putting the index together and tagging it.</summary>
    public Attempts Publish { get; init; } = new();

    /// <summary>Jobs of this build as it is now.</summary>
    public IReadOnlyList<BuildJob> Current { get; init; } = [];

    /// <summary>Jobs of a spec before this one, which end before anything else begins.</summary>
    public IReadOnlyList<BuildJob> Outdated { get; init; } = [];

    /// <summary>Something of this spec has been started.</summary>
    public bool HasBegun => Current.Count > 0 || Before.StartedAt is not null;

    /// <summary>Those of them that were let go on, for their cache, and have ended since.</summary>
    public IReadOnlyList<BuildJob> OutdatedAndDone => HasBegun ? [.. Outdated.Where(job => job is { Finished: true, Deleting: false })] : [];

    public V1Alpha1ImageBuild Build => Snapshot.Build;

    public ImageBuildSpec Spec => Snapshot.Build.Spec;

    public DateTimeOffset Now => Snapshot.Now;

    public BuildOptions Options => Snapshot.Options;

    /// <summary>One platform: its own pod resolves the revision, and puts the tags where nobody else has moved them meanwhile.</summary>
    public bool Single => Platforms.Count == 1;

    /// <summary>What tells the digest that the tags point at; null as long as they do not.</summary>
    public RunResult? Published => Single && Platforms[0].Result is { Failure: null, Published: true } own ? own
        : Publish.Result is { Failure: null } result ? result : null;

    /// <summary>From the publish Job on nothing takes a build back: its tags may be there already.</summary>
    public bool Publishing => Published is not null || Publish.Job is not null || Publish.Failed.Count > 0 || Before.Phase == Phases.Publishing || Snapshot.HasTurn;

    /// <summary>Tags that newer builds have put, what is known of builds that are gone among them.</summary>
    public IReadOnlyList<string> SupersededTags =>
        [.. Spec.Output.Tags.Where(tag => Snapshot.Rivals.TagsOfNewer.Contains(tag) || (Before.SupersededTags?.Contains(tag) ?? false))];

    /// <summary>Tags that no newer build has put.</summary>
    public IReadOnlyList<string> Tags => [.. Spec.Output.Tags.Except(SupersededTags)];

    /// <summary>All roles of this build.</summary>
    public IEnumerable<Attempts> Roles => [Prepare, .. Platforms.Select(platform => platform.Attempts), Publish];

    public IEnumerable<BuildJob> LiveJobs => Current.Where(job => job.Live);

    /// <summary>What these mount was made before them. What the others mount goes with them, if it is not gone already.</summary>
    public IEnumerable<BuildJob> Kept => Current.Where(job => !job.Deleting);

    /// <summary>A pass before this one has decided that the build ends: Jobs that go now were ended.</summary>
    public bool Ending => IsEnding(Before);

    public static bool IsEnding(ImageBuildStatus status) =>
        status.Conditions?.Any(condition => condition.Type == Conditions.Reconciling && condition.Reason == Reasons.Ending) ?? false;

    public DateTimeOffset? Deadline => StartedAt is { } start ? new DateTimeOffset(start, TimeSpan.Zero) + BuildDefaults.TimeoutOf(Spec) : null;

    /// <summary>What is left of the build's time, at least a second.</summary>
    public TimeSpan TimeLeft
    {
        get
        {
            var left = (Deadline ?? Now + BuildDefaults.TimeoutOf(Spec)) - Now;
            return left > TimeSpan.FromSeconds(1) ? left : TimeSpan.FromSeconds(1);
        }
    }
}
