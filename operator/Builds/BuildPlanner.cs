using Slipway.Api;
using Slipway.Runner;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>
/// What to do about a build: an ordered list of rules, of which the first that speaks decides. Each is a function of
/// the state alone, so any pass may be lost, repeated or late.
/// </summary>
internal static class BuildPlanner
{
    /// <summary>How much longer than the runner's own timer the operator waits for its result.</summary>
    private static readonly TimeSpan ResultSlack = TimeSpan.FromSeconds(90);

    private static readonly Func<BuildState, BuildPlan?>[] Rules =
        [Deleted, Finished, ReplaceOlder, Invalid, PoolUnavailable, PlatformFailed, TimedOut, ResolveCommit, StartPlatforms, Publish, Finish];

    public static BuildPlan Plan(BuildSnapshot snapshot)
    {
        var state = BuildReading.Read(snapshot);
        foreach (var rule in Rules)
        {
            if (rule(state) is { } plan) return plan with { RequeueAfter = Earliest(plan.RequeueAfter, NextLook(state, plan)), Outcomes = JobOutcomes.Of(state) };
        }

        throw new InvalidOperationException("No rule spoke: the last one has to.");
    }

    /// <summary>An object of somebody else has the name of one that this build needs.</summary>
    public static BuildPlan NameTaken(BuildSnapshot snapshot, string what) => Stall(BuildReading.Read(snapshot), FailureClass.Config, Reasons.NameTaken,
        $"{what} in namespace {snapshot.Key.Namespace} belongs to something else. Delete or rename it, then change spec.rerun.");

    /// <summary>Its Jobs are going with it; a new one would only be in the way.</summary>
    private static BuildPlan? Deleted(BuildState state) => state.Build.Metadata.DeletionTimestamp is null ? null : new BuildPlan
    {
        WithdrawSlots = true,
        Status = state.Build.Status ?? new ImageBuildStatus(),
    };

    /// <summary>A finished build is never built again; what it leaves behind goes when nobody needs its logs any more.</summary>
    private static BuildPlan? Finished(BuildState state)
    {
        if (state.Before.CompletedAt is not { } completed) return null;
        var keep = state.Before.Phase == Phases.Succeeded ? state.Options.KeepSucceeded : state.Options.KeepFailed;
        var end = new DateTimeOffset(completed, TimeSpan.Zero) + keep;
        var left = state.Snapshot.Jobs.Where(job => !job.Deleting).ToList();
        return new BuildPlan
        {
            WithdrawSlots = true,
            Deletes = state.Now >= end ? left : [.. left.Where(job => job.Live)],
            MaterialsToDelete = state.Now >= end ? BuildMaterials.Of(state.Build, left) : BuildMaterials.None,
            Status = BuildProgress.Unchanged(state),
            RequeueAfter = left.Count > 0 && state.Now < end ? end - state.Now : null,
        };
    }

    /// <summary>The spec has changed: what runs for the old one ends first, so that an old publish cannot come after a new one.</summary>
    private static BuildPlan? ReplaceOlder(BuildState state) => state.Superseded.Count == 0 ? null : new BuildPlan
    {
        WithdrawSlots = true,
        Deletes = [.. state.Superseded.Where(job => !job.Deleting)],
        MaterialsToDelete = BuildMaterials.Of(state.Build, state.Superseded.Where(job => !job.Deleting)),
        Status = BuildProgress.Waiting(state, Phases.Pending, Reasons.ReplacingOlder, "The Jobs of the spec before this one are ending."),
    };

    private static BuildPlan? Invalid(BuildState state) => state.Snapshot.ValidationErrors.Count == 0 ? null
        : Stall(state, FailureClass.Config, Reasons.Invalid, string.Join(" ", state.Snapshot.ValidationErrors));

    /// <summary>Nothing of this is final: the build goes on when the pool is there. What runs already goes on as it is.</summary>
    private static BuildPlan? PoolUnavailable(BuildState state)
    {
        if (state.LiveJobs.Any() || state.Platforms.Any(platform => platform.Done)) return null;
        if (PoolAdmission.Refusal(state.Snapshot) is { } refusal) return Stall(state, refusal.Class, refusal.Reason, refusal.Message);
        return null;
    }

    /// <summary>One platform that failed decides the build: what still runs for the others would be for nothing.</summary>
    private static BuildPlan? PlatformFailed(BuildState state)
    {
        var failed = state.Platforms.FirstOrDefault(platform => platform.Failed);
        var failure = failed?.Result?.Failure ?? state.PrepareResult?.Failure ?? state.PublishResult?.Failure;
        if (failure is null) return null;
        var job = failed is not null ? failed.Job : state.PrepareResult?.Failure is not null ? state.PrepareJob : state.PublishJob;
        return Fail(state, failure, job);
    }

    private static BuildPlan? TimedOut(BuildState state)
    {
        if (state.Deadline is not { } deadline || Published(state)) return null;
        var patience = state.LiveJobs.Any() ? ResultSlack : TimeSpan.Zero;
        if (state.Now < deadline + patience || Collectable(state)) return null;
        return Fail(state, Failures.Of(FailureClass.Timeout, Reasons.TimedOut,
            $"The build did not end within spec.timeout ({GoDuration.Format(BuildDefaults.TimeoutOf(state.Spec))}). Raise it, or make the build shorter."), job: null);
    }

    /// <summary>One lookup before several platforms start: all of them build the same commit, whatever is pushed meanwhile.</summary>
    private static BuildPlan? ResolveCommit(BuildState state)
    {
        if (state.Spec.Source.Git is null || state.Single || state.Commit is not null) return null;
        return new BuildPlan
        {
            Creates = state.PrepareJob is null ? [BuildObjects.PrepareJob(state)] : [],
            Status = BuildProgress.Waiting(state, Phases.Pending, Reasons.ResolvingRevision,
                $"Looking up {state.Spec.Source.Git.Revision} in {state.Spec.Source.Git.Url}."),
        };
    }

    /// <summary>Platforms queue for themselves: none waits for another, so there is nothing to deadlock.</summary>
    private static BuildPlan? StartPlatforms(BuildState state)
    {
        var open = state.Platforms.Where(platform => !platform.Done).ToList();
        if (open.Count == 0) return null;
        var missing = open.Where(platform => platform.Job is null && platform.Before?.Phase != PlatformPhases.Building).ToList();
        var starting = state.Snapshot.Pool is null ? [] : missing.Where(platform => platform.Slot?.Builder is not null).ToList();
        // Made before the first Job that needs it, so where one was started it is there.
        var first = starting.Count > 0 && state.StartedAt is null;
        return new BuildPlan
        {
            SlotRequests = [.. missing.Select(platform => Slot(state, platform))],
            InlineSource = first ? BuildObjects.InlineSource(state) : null,
            ClientCertificates = Certificates(state, starting.Select(platform => platform.Slot!.Builder!)),
            Creates = [.. starting.Select(platform => BuildObjects.PlatformJob(state, platform.Platform, platform.Slot!.Builder!))],
            Status = BuildProgress.Running(state),
        };
    }

    /// <summary>For builders outside the cluster the build's namespace has a certificate of its own.</summary>
    private static BuildPlan? Publish(BuildState state)
    {
        if (state.Single || state.PublishResult is not null) return null;
        return new BuildPlan
        {
            WithdrawSlots = true,
            Creates = state.PublishJob is null ? [BuildObjects.PublishJob(state)] : [],
            Status = BuildProgress.Waiting(state, Phases.Publishing, Reasons.Publishing, "Every platform is pushed; the index is put together, checked and tagged."),
        };
    }

    private static BuildPlan? Finish(BuildState state) => new()
    {
        WithdrawSlots = true,
        Status = BuildProgress.Succeeded(state),
        RequeueAfter = state.Options.KeepSucceeded,
    };

    private static BuildPlan Stall(BuildState state, FailureClass failureClass, string reason, string message) => new()
    {
        WithdrawSlots = true,
        Status = BuildProgress.Stalled(state, Failures.Of(failureClass, reason, message)),
    };

    private static BuildPlan Fail(BuildState state, RunFailure failure, BuildJob? job) => new()
    {
        WithdrawSlots = true,
        Deletes = [.. state.LiveJobs.Where(live => !live.Deleting && (live.Name != job?.Name || live.NeverStarted))],
        Status = BuildProgress.Failed(state, failure, job),
        RequeueAfter = state.Options.KeepFailed,
    };

    private static bool Published(BuildState state) => state.Single ? state.Platforms[0].Succeeded : state.PublishResult is { Failure: null };

    /// <summary>All results are there, and only the last step is missing: time does not take them back.</summary>
    private static bool Collectable(BuildState state) => state.Platforms.Count > 0 && state.Platforms.All(platform => platform.Succeeded)
        && (state.PublishJob is null || state.Now < state.PublishJob.Created + BuildObjects.PublishTimeout + ResultSlack);

    /// <summary>Where a Job mounts one it was made before; a pool that is re-keyed while a build runs brings another.</summary>
    private static IReadOnlyList<ClientCertificateRequest> Certificates(BuildState state, IEnumerable<Builder> builders) =>
    [
        .. from builder in builders.Where(builder => builder.ClientSecret is null).DistinctBy(builder => builder.Authority)
           let name = BuildObjects.ClientCertificateName(state, builder)
           where state.Current.All(job => job.ClientCertificate != name)
           select new ClientCertificateRequest(
               state.Snapshot.Pool!, builder.Authority, new(state.Snapshot.Key.Namespace, name), state.BuildKey, state.TimeLeft + TimeSpan.FromHours(1)),
    ];

    private static SlotRequest Slot(BuildState state, PlatformState platform) => new()
    {
        Build = state.Snapshot.Key,
        BuildUid = state.Build.Metadata.Uid,
        Pool = state.Snapshot.PoolKey,
        Platform = platform.Platform.ToString(),
        Scope = $"{state.Snapshot.Key.Namespace}/{Cache.CacheNames.Scope(state.Spec)}",
        Created = state.Build.Metadata.CreationTimestamp ?? default,
        Priority = state.Spec.Priority ?? 0,
    };

    /// <summary>Waiting turns into giving up at known times; events bring everything else.</summary>
    private static TimeSpan? NextLook(BuildState state, BuildPlan plan)
    {
        if (plan.Status.CompletedAt is not null) return null;
        var times = state.LiveJobs.Concat(state.Snapshot.Jobs.Where(job => job is { Finished: true, Pods.Count: 0 }))
            .Select(job => JobResult.GivesUpAt(job, state.Options))
            .Append(state.Deadline + (state.LiveJobs.Any() ? ResultSlack : TimeSpan.Zero))
            .Concat(state.Platforms.Where(platform => platform is { Job: null, Done: false, Before.StartedAt: not null })
                .Select(platform => (DateTimeOffset?)(new DateTimeOffset(platform.Before!.StartedAt!.Value, TimeSpan.Zero) + JobResult.StoreLag)))
            .OfType<DateTimeOffset>().Where(time => time > state.Now).ToList();
        return times.Count == 0 ? null : times.Min() - state.Now;
    }

    private static TimeSpan? Earliest(TimeSpan? one, TimeSpan? other) => one is null ? other : other is null || one < other ? one : other;
}
