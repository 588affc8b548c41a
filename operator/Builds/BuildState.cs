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

    public BuildJob? PrepareJob { get; init; }

    public RunResult? PrepareResult { get; init; }

    public BuildJob? PublishJob { get; init; }

    public RunResult? PublishResult { get; init; }

    /// <summary>Jobs of this build as it is now.</summary>
    public IReadOnlyList<BuildJob> Current { get; init; } = [];

    /// <summary>Jobs of a spec before this one, which end before anything else begins.</summary>
    public IReadOnlyList<BuildJob> Superseded { get; init; } = [];

    public V1Alpha1ImageBuild Build => Snapshot.Build;

    public ImageBuildSpec Spec => Snapshot.Build.Spec;

    public DateTimeOffset Now => Snapshot.Now;

    public BuildOptions Options => Snapshot.Options;

    /// <summary>One platform: its own pod resolves the revision and puts the tags.</summary>
    public bool Single => Platforms.Count == 1;

    public IEnumerable<BuildJob> LiveJobs => Current.Where(job => job.Live);

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
