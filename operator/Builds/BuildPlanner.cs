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

    /// <summary>How often a build looks that waits for others with the same tags.</summary>
    private static readonly TimeSpan TagPoll = TimeSpan.FromSeconds(2);

    /// <summary>Most of all an object stays beyond its time for older builds, which may never come to write their status.</summary>
    private static readonly TimeSpan LongestStay = TimeSpan.FromMinutes(10);

    private static readonly RunFailure TagsTaken = Failures.Of(FailureClass.Cancelled, Reasons.Superseded,
        "Newer builds have put all of this one's tags. The images of its platforms are in the registry by their digests.");

    private static readonly Func<BuildState, BuildPlan?>[] Rules =
    [
        Deleted, Finished, ReplaceOlder, Invalid, Cancelled, Superseded, RoleFailed, TimedOut, PoolUnavailable,
        ResolveCommit, StartPlatforms, Overtaken, Publish, Finish,
    ];

    public static BuildPlan Plan(BuildSnapshot snapshot)
    {
        var state = BuildReading.Read(snapshot);
        foreach (var rule in Rules)
        {
            if (rule(state) is { } plan) return Rounded(plan, state);
        }

        throw new InvalidOperationException("No rule spoke: the last one has to.");
    }

    /// <summary>An object of somebody else has the name of one that this build needs.</summary>
    public static BuildPlan NameTaken(BuildSnapshot snapshot, string what) => Stall(BuildReading.Read(snapshot), FailureClass.Config, Reasons.NameTaken,
        $"{what} in namespace {snapshot.Key.Namespace} belongs to something else. Delete or rename it, then change spec.rerun.");

    /// <summary>What every plan has beside its own.</summary>
    private static BuildPlan Rounded(BuildPlan plan, BuildState state) => plan with
    {
        Deletes = [.. plan.Deletes, .. LeftOver(plan, state).Except(plan.Deletes)],
        MaterialsToDelete = plan.MaterialsToDelete == BuildMaterials.None && state.OutdatedAndDone.Count > 0 ? BuildMaterials.Of(state.Build, state.OutdatedAndDone) : plan.MaterialsToDelete,
        RequeueAfter = Earliest(Earliest(plan.RequeueAfter, NextLook(state, plan)), plan.Status.CompletedAt is null ? null : LifeLeft(state, plan)),
        Outcomes = JobOutcomes.Of(state),
        CacheUses = BuildCaches.Uses(state),
    };

    /// <summary>Of attempts before this one, and of a spec before this one that was still writing its cache when this one began.</summary>
    private static IEnumerable<BuildJob> LeftOver(BuildPlan plan, BuildState state) =>
        [.. plan.Status.CompletedAt is null ? state.Roles.SelectMany(role => role.LeftBehind) : [], .. state.OutdatedAndDone];

    /// <summary>Its Jobs are going with it; a new one would only be in the way.</summary>
    private static BuildPlan? Deleted(BuildState state) => state.Build.Metadata.DeletionTimestamp is null ? null : new BuildPlan
    {
        WithdrawSlots = true,
        Status = state.Build.Status ?? new ImageBuildStatus(),
    };

    /// <summary>A finished build is never built again; what it leaves behind goes when nobody needs its logs any more, and itself where it says so.</summary>
    private static BuildPlan? Finished(BuildState state)
    {
        if (state.Before.CompletedAt is not { } completed) return null;
        var keep = state.Before.Phase == Phases.Succeeded ? state.Options.KeepSucceeded : state.Options.KeepFailed;
        var ended = new DateTimeOffset(completed, TimeSpan.Zero);
        var left = state.Snapshot.Jobs.Where(job => !job.Deleting).ToList();
        // The cache may be written a while longer than the build takes, and the build's own time does not end before that.
        var writing = left.Any(job => job.WritesCache);
        var over = state.Now >= ended + keep && !writing;
        var end = ended + BuildDefaults.TtlOf(state.Spec);
        return new BuildPlan
        {
            WithdrawSlots = true,
            Deletes = over ? left : [.. left.Where(job => job.Live && !job.WritesCache)],
            MaterialsToDelete = over ? BuildMaterials.Of(state.Build, left) : BuildMaterials.None,
            // Older builds have to know of the tags that it has put: nobody could tell them afterwards.
            DeleteBuild = state.Now >= end && !writing && (state.Snapshot.Rivals.Unaware is null || state.Now >= end + LongestStay),
            Status = BuildProgress.Unchanged(state),
            RequeueAfter = left.Count > 0 ? Until(state, [ended + keep]) : null,
        };
    }

    /// <summary>The spec has changed: what runs for the old one ends first, so that an old publish cannot come after a new one.</summary>
    private static BuildPlan? ReplaceOlder(BuildState state)
    {
        // What writes the cache has put its tags, and does nobody harm; once the new has begun, that it ends stops nothing either.
        var going = state.Outdated.Where(job => !(state.Now >= job.GoneBy) && !job.WritesCache && !(state.HasBegun && job.Finished)).ToList();
        if (going.Count == 0) return null;
        // A publish Job may have put some of its tags: it is left to put the others.
        var deletes = going.Where(job => !job.Deleting && !job.MayPublish(state.Now)).ToList();
        return new BuildPlan
        {
            WithdrawSlots = true,
            Deletes = deletes,
            MaterialsToDelete = BuildMaterials.Of(state.Build, deletes),
            Status = BuildProgress.Waiting(state, Phases.Pending, Reasons.ReplacingOlder, "The Jobs of the spec before this one are ending."),
            RequeueAfter = Until(state, going.Select(job => job.GoneBy ?? job.TagsUntil)),
        };
    }

    private static BuildPlan? Invalid(BuildState state) => state.Snapshot.ValidationErrors.Count == 0 ? null
        : Stall(state, FailureClass.Config, Reasons.Invalid, string.Join(" ", state.Snapshot.ValidationErrors));

    private static BuildPlan? Cancelled(BuildState state) => state.Spec.Cancel is not true || state.Publishing ? null
        : End(state, Phases.Cancelled, Failures.Cancelled);

    private static BuildPlan? Superseded(BuildState state) => state.Snapshot.Rivals.NewerInGroup is not { } newer || state.Publishing ? null
        : End(state, Phases.Superseded, Failures.Of(FailureClass.Cancelled, Reasons.Superseded,
            $"ImageBuild {newer} of the concurrency group {state.Spec.ConcurrencyGroup} is newer. To build this one all the same, set spec.rerun to a new value."));

    /// <summary>One platform that failed decides the build: what still runs for the others would be for nothing.</summary>
    private static BuildPlan? RoleFailed(BuildState state)
    {
        // What status says failed stays the cause: the others were ended for it.
        var failed = state.Platforms.FirstOrDefault(platform => platform.Before?.Phase == PlatformPhases.Failed) ?? state.Platforms.FirstOrDefault(platform => platform.Failed);
        Attempts[] candidates = failed is null ? [state.Prepare, state.Publish] : [failed.Attempts];
        if (candidates.FirstOrDefault(role => role.Result?.Failure is not null) is not { Result.Failure: { } failure } role) return null;
        // Jobs that went because the time was over are not the cause.
        if (state.Now >= state.Deadline && failure == Failures.JobDeleted) return null;
        // Builds of one platform put their tags without taking a turn: it was a newer one that moved them all.
        if (failure.Reason == FailureReasons.TagMoved && state.Tags.Count == 0) return End(state, Phases.Superseded, TagsTaken);
        // The runner knows what was left of the time, and not whose it was.
        return End(state, Phases.Failed, failed is not null && failure.Class == FailureClass.Timeout ? OutOfTime(state) : failure, role.Job);
    }

    private static BuildPlan? TimedOut(BuildState state)
    {
        if (state.Deadline is not { } deadline || state.Published is not null) return null;
        var patience = state.LiveJobs.Any(job => !job.Deleting) ? ResultSlack : TimeSpan.Zero;
        if (state.Now < deadline + patience || Collectable(state)) return null;
        return End(state, Phases.Failed, OutOfTime(state));
    }

    private static RunFailure OutOfTime(BuildState state) => Failures.Of(FailureClass.Timeout, Reasons.TimedOut,
        $"The build did not end within spec.timeout ({GoDuration.Format(BuildDefaults.TimeoutOf(state.Spec))}). Raise it, or make the build shorter.");

    /// <summary>Nothing of this is final: the build goes on when the pool is there. What runs already goes on as it is.</summary>
    private static BuildPlan? PoolUnavailable(BuildState state)
    {
        if (state.LiveJobs.Any() || state.Platforms.Any(platform => platform.Done)) return null;
        if (PoolAdmission.IsUndecided(state.Snapshot))
            return new BuildPlan { Status = BuildProgress.Waiting(state, Phases.Pending, Reasons.NamespaceUnseen, "The operator has not seen the build's namespace yet, by whose labels the pool admits it or not.") };
        if (PoolAdmission.Refusal(state.Snapshot) is { } refusal) return Stall(state, refusal.Class, refusal.Reason, refusal.Message);
        return null;
    }

    /// <summary>One lookup before several platforms start: all of them build the same commit, whatever is pushed meanwhile.</summary>
    private static BuildPlan? ResolveCommit(BuildState state)
    {
        if (state.Spec.Source.Git is null || state.Single || state.Commit is not null) return null;
        var waits = state.Prepare.Waits(state.Now);
        return new BuildPlan
        {
            Creates = state.Prepare.Job is null && !waits ? [BuildObjects.PrepareJob(state)] : [],
            Status = waits ? BuildProgress.Waiting(state, Phases.Pending, Reasons.Retrying, BuildProgress.RetryMessage(state.Prepare.Failed[^1]))
                : BuildProgress.Waiting(state, Phases.Pending, Reasons.ResolvingRevision, $"Looking up {state.Spec.Source.Git.Revision} in {state.Spec.Source.Git.Url}."),
        };
    }

    /// <summary>Platforms queue for themselves: none waits for another, so there is nothing to deadlock.</summary>
    private static BuildPlan? StartPlatforms(BuildState state)
    {
        var open = state.Platforms.Where(platform => !platform.Done).ToList();
        if (open.Count == 0) return null;
        // What runs goes on: others may use its cache, and its image by its digest. What has not begun would take the tags back when it does.
        if (state.Tags.Count == 0 && open.All(platform => IsIdle(platform.Attempts, state))) return Overtaken(state);
        var missing = open.Where(platform => platform.Job is null && !platform.Begun && !platform.Attempts.Waits(state.Now)).ToList();
        var starting = state.Snapshot.Pool is null ? [] : missing.Where(platform => platform.Slot?.Builder is not null).ToList();
        return new BuildPlan
        {
            SlotRequests = [.. missing.Select(platform => Slot(state, platform))],
            InlineSource = starting.Count > 0 && !state.Kept.Any(job => job.Mounts(BuildObjects.SourceVolume)) ? BuildObjects.InlineSource(state) : null,
            ClientCertificates = Certificates(state, starting.Select(platform => platform.Slot!.Builder!)),
            Creates = [.. starting.Select(platform => BuildObjects.PlatformJob(state, platform, platform.Slot!.Builder!))],
            Status = BuildProgress.Running(state),
        };
    }

    /// <summary>Nothing has begun to run, or a pass before this one has ended it.</summary>
    private static bool IsIdle(Attempts role, BuildState state) =>
        role.Job is { } job ? job.NeverStarted || (state.Ending && job.Deleting) : role.Begun is null || state.Ending;

    /// <summary>Moving a tag back would take a newer image from those who use it.</summary>
    private static BuildPlan? Overtaken(BuildState state) =>
        state.Published is not null || !IsIdle(state.Publish, state) || state.Tags.Count > 0 ? null
        : End(state, Phases.Superseded, TagsTaken);

    private static BuildPlan? Publish(BuildState state)
    {
        if (state.Published is not null) return null;
        var status = BuildProgress.Waiting(state, Phases.Publishing, Reasons.Publishing, "Every platform is pushed; the index is put together, checked and tagged.");
        if (state.Publish.Job is not null) return new BuildPlan { WithdrawSlots = true, Status = status };
        if (state.Publish.Waits(state.Now))
            return new BuildPlan { WithdrawSlots = true, Status = BuildProgress.Waiting(state, Phases.Publishing, Reasons.Retrying, BuildProgress.RetryMessage(state.Publish.Failed[^1])) };
        if (state.Snapshot.Rivals.Publishing is { } other)
        {
            return new BuildPlan
            {
                WithdrawSlots = true,
                Status = BuildProgress.Waiting(state, Phases.Building, Reasons.WaitingForTag, $"ImageBuild {other} is putting one of the same tags; this one follows."),
                RequeueAfter = TagPoll,
            };
        }

        var begun = state.Publish.Begun is not null;
        return new BuildPlan
        {
            WithdrawSlots = true,
            TakesTurn = !begun,
            Creates = begun ? [] : [BuildObjects.PublishJob(state)],
            Status = begun ? status : status with { Publish = new PublishStatus { Attempts = state.Publish.Current, StartedAt = Conditions.WholeSecond(state.Now) } },
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

    /// <summary>
    /// The end of a build that does not succeed. Its Jobs go first, and with them what they run on builders: only then status says that
    /// the build has ended. The Job that failed stays for its log.
    /// </summary>
    private static BuildPlan End(BuildState state, string phase, RunFailure failure, BuildJob? job = null)
    {
        // Also one whose pod has ended, if it is on its way out: who is told that its build is over may rely on it that nothing is left.
        // Not the one that failed, even if it goes because it never started: it has nothing on a builder, and without it nobody knows why.
        var going = state.Current.Where(left => (left.Live || left.Deleting) && left.Name != job?.Name && !left.NodeLost && !(state.Now >= left.GoneBy)).ToList();
        var deletes = state.LiveJobs.Where(live => !live.Deleting && (live.Name != job?.Name || live.NeverStarted)).ToList();
        return new BuildPlan
        {
            WithdrawSlots = true,
            Deletes = deletes,
            MaterialsToDelete = BuildMaterials.Of(state.Build, deletes),
            Status = going.Count > 0 ? BuildProgress.Ending(state, failure) : BuildProgress.Ended(state, phase, failure, job),
            RequeueAfter = going.Count > 0 ? Until(state, going.Select(live => live.GoneBy)) : state.Options.KeepFailed,
        };
    }

    /// <summary>All results are there, and only the last step is missing: time does not take them back.</summary>
    private static bool Collectable(BuildState state) => state.Platforms.Count > 0 && state.Platforms.All(platform => platform.Succeeded)
        && (state.Publish.Job is { } publish ? state.Now < publish.Created + BuildObjects.PublishTimeout + ResultSlack : state.Publish.Failed.Count == 0);

    /// <summary>Where a Job mounts one it was made before; a pool that is re-keyed while a build runs brings another.</summary>
    private static IReadOnlyList<ClientCertificateRequest> Certificates(BuildState state, IEnumerable<Builder> builders) =>
    [
        .. from builder in builders.Where(builder => builder.ClientSecret is null).DistinctBy(builder => builder.Authority)
           let name = BuildObjects.ClientCertificateName(state, builder)
           where state.Kept.All(job => job.ClientCertificate != name)
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
        BuildKey = state.BuildKey,
        Attempt = platform.Attempts.Current,
        Avoid = [.. platform.Attempts.Failed.Where(failed => failed.Class == nameof(FailureClass.Infrastructure)).Select(failed => failed.Builder).OfType<string>().Distinct()],
    };

    /// <summary>Waiting turns into giving up at known times; events bring everything else.</summary>
    private static TimeSpan? NextLook(BuildState state, BuildPlan plan)
    {
        if (plan.Status.CompletedAt is not null) return null;
        var giveUps = state.LiveJobs.Concat(state.Snapshot.Jobs.Where(job => job is { Finished: true, Pods.Count: 0 })).Select(job => JobResult.GivesUpAt(job, state.Options));
        var vanished = state.Roles.Where(role => role is { Job: null, Result: null }).Select(role => role.Begun + JobResult.StoreLag);
        return Until(state, giveUps.Concat(vanished)
            .Append(state.Deadline + (state.LiveJobs.Any() ? ResultSlack : TimeSpan.Zero))
            .Concat(state.Roles.Select(role => role.Waits(state.Now) ? role.NotBefore : null)));
    }

    /// <summary>Until the object itself goes; null where it stays.</summary>
    private static TimeSpan? LifeLeft(BuildState state, BuildPlan plan) =>
        Until(state, [new DateTimeOffset(plan.Status.CompletedAt!.Value, TimeSpan.Zero) + BuildDefaults.TtlOf(state.Spec)])
        ?? (BuildDefaults.TtlOf(state.Spec) is null || plan.DeleteBuild || state.Snapshot.Jobs.Any(job => job.WritesCache) ? null
            : state.Snapshot.Rivals.Unaware is null ? TimeSpan.Zero : TagPoll);

    /// <summary>To the first of those times that is still to come.</summary>
    private static TimeSpan? Until(BuildState state, IEnumerable<DateTimeOffset?> times) => times.Where(time => time > state.Now).Min() - state.Now;

    private static TimeSpan? Earliest(TimeSpan? one, TimeSpan? other) => one is null ? other : other is null || one < other ? one : other;
}
