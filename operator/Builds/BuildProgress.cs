using System.Globalization;
using Slipway.Api;
using Slipway.Runner;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>The status of a build, for each way that a pass can end.</summary>
internal static class BuildProgress
{
    /// <summary>
    /// Edits that decide nothing (labels, timeout, job) move only the generation that status speaks of. What became of the cache is
    /// told after the end.
    /// </summary>
    public static ImageBuildStatus Unchanged(BuildState state)
    {
        var platforms = state.Before.Platforms?.Select(before => WithProblem(before, state)).ToList();
        var told = platforms is not null && !platforms.SequenceEqual(state.Before.Platforms!);
        var before = (state.Before.Conditions ?? []).Select(condition => new Condition(condition.Type, condition.Status, condition.Reason, condition.Message));
        // The first of a type counts. A pool that is gone, or has no cache any more, says nothing of it.
        var health = told ? CacheHealth.Condition(state.Snapshot.Pool, platforms!) : null;
        return state.Before with
        {
            ObservedGeneration = state.Build.Metadata.Generation,
            Platforms = told ? platforms : state.Before.Platforms,
            Conditions = Conditions.Merge(state.Before.Conditions, health is null ? before : before.Prepend(health), state.Build.Metadata.Generation, state.Now),
        };
    }

    /// <summary>Of a platform that has ended nothing else changes any more. The same object where nothing does.</summary>
    private static PlatformBuildStatus WithProblem(PlatformBuildStatus before, BuildState state) =>
        state.Platforms.FirstOrDefault(platform => platform.Platform.ToString() == before.Platform) is { } platform ? PlatformProgress.WithExport(before, platform.Export, state) : before;

    public static ImageBuildStatus Waiting(BuildState state, string phase, string reason, string message) =>
        Base(state) with { Phase = phase, Conditions = InProgress(state, reason, message) };

    public static ImageBuildStatus Running(BuildState state)
    {
        var queued = state.Platforms.Where(platform => platform is { Done: false, Job: null, Slot.Builder: null, Begun: false } && !platform.Attempts.Waits(state.Now)).ToList();
        var pausing = state.Platforms.Where(platform => platform.Attempts.Waits(state.Now)).ToList();
        var all = queued.Count == state.Platforms.Count;
        var starting = state.Platforms.Any(platform => platform is { Done: false } && !queued.Contains(platform) && !pausing.Contains(platform));
        var reason = all ? WaitReasonOf(queued) : !starting && queued.Count == 0 && pausing.Count > 0 ? Reasons.Retrying : Reasons.Building;
        return Base(state) with
        {
            Phase = all ? Phases.Queued : Phases.Building,
            Conditions = InProgress(state, reason, reason == Reasons.Retrying ? RetryMessage(pausing[0].Attempts.Failed[^1]) : Message(state, queued, all)),
            StartedAt = state.StartedAt ?? (starting ? Conditions.WholeSecond(state.Now) : null),
            Queue = queued.Count == 0 ? null : new QueueStatus { Since = state.Before.Queue?.Since ?? Conditions.WholeSecond(state.Now), Reason = WaitReasonOf(queued) },
        };
    }

    /// <summary>What failed, without the time of the next attempt: it would be another message with every look.</summary>
    public static string RetryMessage(FailedAttempt failed) =>
        $"Attempt {failed.Attempt} of {failed.Platform ?? failed.Role} failed ({failed.Reason}); another one follows.";

    public static ImageBuildStatus Succeeded(BuildState state)
    {
        var digest = state.Published!.IndexDigest;
        var status = Completed(state, Phases.Succeeded);
        return status with
        {
            IndexDigest = digest,
            Image = $"{state.Spec.Output.Image}@{digest}",
            Tags = (state.Publish.Job ?? state.Platforms[0].Job)?.Tags ?? state.Spec.Output.Tags,
            Summary = (status.Summary ?? new BuildSummary()) with { Digest = ShortDigest(digest) },
            Conditions = Merge(state,
                new(Conditions.Ready, Conditions.True, Reasons.Succeeded, "The image is built, checked and tagged."),
                new(Conditions.Succeeded, Conditions.True, Reasons.Succeeded, "The image is built, checked and tagged."),
                new(Conditions.Complete, Conditions.True, Reasons.Succeeded, "The build has ended."),
                CacheHealthy(state)),
        };
    }

    /// <summary>The build is to end, and its Jobs are still going. What they tell from now on is how they were ended.</summary>
    public static ImageBuildStatus Ending(BuildState state, RunFailure failure) => Base(AsRecorded(state)) with
    {
        Phase = state.Before.Phase is Phases.Queued or Phases.Building or Phases.Publishing ? state.Before.Phase : Phases.Pending,
        Conditions = InProgress(state, Reasons.Ending, $"The build is ending ({failure.Reason}): what still runs goes first."),
    };

    /// <summary>An end without an image: phase Failed, Cancelled or Superseded.</summary>
    public static ImageBuildStatus Ended(BuildState state, string phase, RunFailure failure, BuildJob? job)
    {
        var log = Failures.LogCommand(job);
        var status = Completed(AsRecorded(state), phase);
        return status with
        {
            Platforms = status.Platforms?.Select(Unfinished).ToList(),
            Failure = Failures.Write(failure, log),
            Conditions = FailedConditions(state, failure, log),
        };
    }

    private static PlatformBuildStatus Unfinished(PlatformBuildStatus platform) =>
        platform.Phase is PlatformPhases.Succeeded or PlatformPhases.Failed ? platform : platform with { Phase = PlatformPhases.Cancelled };

    /// <summary>Without attempts that failed since the last write: those Jobs were ended on purpose. What has ended for good stays.</summary>
    private static BuildState AsRecorded(BuildState state) => state with
    {
        Publish = AsRecorded(state.Publish, state, JobRoles.Publish, null),
        Prepare = AsRecorded(state.Prepare, state, JobRoles.Prepare, null),
        Platforms = [.. state.Platforms.Select(platform => platform with { Attempts = AsRecorded(platform.Attempts, state, JobRoles.Build, platform.Platform.ToString()) })],
    };

    private static Attempts AsRecorded(Attempts attempts, BuildState state, string role, string? platform)
    {
        if (attempts.Result is { } result && !(state.Ending && result.Failure == Failures.JobDeleted)) return attempts;
        var recorded = (state.Before.FailedAttempts ?? []).Where(failed => failed.Role == role && failed.Platform == platform).ToList();
        return attempts with { Result = null, Failed = recorded, Current = recorded.Count + 1 };
    }

    /// <summary>Something outside has to change, the build's spec or its pool; then the build goes on by itself.</summary>
    public static ImageBuildStatus Stalled(BuildState state, RunFailure failure) => Base(state) with
    {
        Phase = Phases.Failed,
        Failure = Failures.Write(failure, log: null),
        Conditions = FailedConditions(state, failure, log: null),
    };

    private static IReadOnlyList<k8s.Models.V1Condition> FailedConditions(BuildState state, RunFailure failure, string? log)
    {
        var where = failure.Step is { Length: > 0 } step ? $" Step: {step}." : "";
        var how = log is null ? "" : $" Log: {log}";
        var message = $"{failure.Class}: {failure.Message}{where}{how}";
        return Merge(state,
            new(Conditions.Ready, Conditions.False, failure.Reason, message),
            new(Conditions.Stalled, Conditions.True, failure.Reason, message),
            new(Conditions.Succeeded, Conditions.False, failure.Reason, message),
            new(Conditions.Complete, Conditions.True, failure.Reason, "The build has ended."),
            CacheHealthy(state));
    }

    private static ImageBuildStatus Completed(BuildState state, string phase)
    {
        var completed = Conditions.WholeSecond(state.Now);
        return Base(state) with
        {
            Phase = phase,
            StartedAt = state.StartedAt,
            CompletedAt = completed,
            Duration = state.StartedAt is { } started ? GoDuration.Format(completed - started) : null,
        };
    }

    private static ImageBuildStatus Base(BuildState state)
    {
        var platforms = state.Platforms.Select(platform => PlatformProgress.Status(platform, state)).ToList();
        return new ImageBuildStatus
        {
            ObservedGeneration = state.Build.Metadata.Generation,
            BuildKey = state.BuildKey,
            Commit = state.Commit,
            RequestedAt = state.RequestedAt,
            StartedAt = state.StartedAt,
            SupersededTags = state.SupersededTags is { Count: > 0 } superseded ? superseded : null,
            Publish = state.Publish.Job is { } publish ? new PublishStatus { Attempts = publish.Attempt, StartedAt = Conditions.WholeSecond(publish.Created) } : state.Before.Publish,
            FailedAttempts = state.Roles.SelectMany(role => role.Failed).ToList() is { Count: > 0 } failed ? failed : null,
            Platforms = platforms.Count == 0 ? null : platforms,
            Summary = platforms.Count == 0 ? null : new BuildSummary { Platforms = string.Join(",", platforms.Select(platform => platform.Platform)), Cache = CacheSummary(platforms) },
        };
    }

    private static IReadOnlyList<k8s.Models.V1Condition> InProgress(BuildState state, string reason, string message) => Merge(state,
        new(Conditions.Ready, Conditions.Unknown, reason, message),
        new(Conditions.Reconciling, Conditions.True, reason, message),
        new(Conditions.Succeeded, Conditions.Unknown, reason, message),
        new(Conditions.Complete, Conditions.False, reason, "The build has not ended."),
        CacheHealthy(state));

    private static IReadOnlyList<k8s.Models.V1Condition> Merge(BuildState state, params Condition?[] wanted) =>
        Conditions.Merge(state.Build.Status?.Conditions, wanted.OfType<Condition>(), state.Build.Metadata.Generation, state.Now);

    private static Condition? CacheHealthy(BuildState state) =>
        CacheHealth.Condition(state.Snapshot.Pool, [.. state.Platforms.Select(platform => PlatformProgress.Status(platform, state))]);

    private static string Message(BuildState state, IReadOnlyList<PlatformState> queued, bool all)
    {
        var waiting = string.Join(", ", queued.Select(platform => platform.Platform));
        if (!all) return queued.Count > 0 ? $"Waiting for a builder: {waiting}." : $"Building {string.Join(", ", state.Platforms.Where(platform => !platform.Done).Select(platform => platform.Platform))}.";
        return WaitReasonOf(queued) switch
        {
            Reasons.NoBuilderReady => $"No builder of BuilderPool {state.Snapshot.PoolKey} is ready for {waiting}.{PoolAdmission.Prospect(state.Snapshot, queued.Select(platform => platform.Platform.ToString()))}",
            Reasons.WarmBuilderBusy => $"The builder of BuilderPool {state.Snapshot.PoolKey} that is warm for {waiting} is busy: the build waits a moment for it before it takes another one.",
            _ => $"Every builder of BuilderPool {state.Snapshot.PoolKey} for {waiting} is busy.",
        };
    }

    private static string WaitReasonOf(IReadOnlyList<PlatformState> queued) =>
        queued.Any(platform => platform.Slot?.Reason == WaitReason.NoBuilderReady) ? Reasons.NoBuilderReady
        : queued.All(platform => platform.Slot?.Reason == WaitReason.WarmBuilderBusy) ? Reasons.WarmBuilderBusy : Reasons.NoBuilderFree;

    private static string? CacheSummary(IReadOnlyList<PlatformBuildStatus> platforms)
    {
        var steps = platforms.Sum(platform => platform.Cache?.Steps ?? 0);
        return steps == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{platforms.Sum(platform => platform.Cache?.Cached ?? 0)}/{steps}");
    }

    private static string? ShortDigest(string? digest) =>
        digest is { Length: > 19 } && digest.StartsWith("sha256:", StringComparison.Ordinal) ? digest[7..19] : digest;
}
