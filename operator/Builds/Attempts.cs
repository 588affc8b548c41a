using Slipway.Api;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>What Jobs do for a build in one role, for one platform where the role is build: attempt by attempt, until one succeeds or none follows.</summary>
internal sealed record Attempts
{
    /// <summary>The attempt that is under way or comes next; 1 for the first.</summary>
    public int Current { get; init; } = 1;

    /// <summary>The Job of the current attempt; null where there is none, not yet or no more.</summary>
    public BuildJob? Job { get; init; }

    /// <summary>The attempt that status says was begun last; null where it says none.</summary>
    public StartedAttempt? Started { get; init; }

    /// <summary>When the current attempt was begun, whatever the store shows; null where status does not say that it was.</summary>
    public DateTimeOffset? Begun => Started is { } started && started.Number == Current ? started.At : null;

    /// <summary>How it ended for good; null as long as an attempt is under way or follows.</summary>
    public RunResult? Result { get; init; }

    /// <summary>Those that another one followed, or will.</summary>
    public IReadOnlyList<FailedAttempt> Failed { get; init; } = [];

    /// <summary>The current attempt does not start before; null where nothing failed.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>What Jobs of failed attempts have told since the last write of status.</summary>
    public IReadOnlyList<(BuildJob Job, RunResult Result)> Told { get; init; } = [];

    /// <summary>Jobs of attempts before that still run, though nobody waits for them any more.</summary>
    public IReadOnlyList<BuildJob> LeftBehind { get; init; } = [];

    public bool Waits(DateTimeOffset now) => Job is null && Result is null && now < NotBefore;
}

/// <summary>What status knows of a role.</summary>
/// <param name="Role">prepare, build or publish.</param>
/// <param name="Platform">Where the role is build.</param>
/// <param name="Failed">Failed attempts that are recorded, oldest first.</param>
/// <param name="Started">The attempt that was begun last; null where status does not say.</param>
internal sealed record KnownAttempts(string Role, string? Platform, IReadOnlyList<FailedAttempt> Failed, StartedAttempt? Started);

/// <summary>An attempt that was begun, and on which builder where that matters.</summary>
internal sealed record StartedAttempt(int Number, DateTimeOffset At, string? Builder = null);

/// <summary>Jobs and status to attempts. What is not recorded yet is found again in the Jobs, which stay until the build has ended.</summary>
internal static class AttemptReading
{
    public static Attempts Read(KnownAttempts known, IReadOnlyList<BuildJob> current, BuildSnapshot snapshot, JobResult results)
    {
        var jobs = current.Where(job => job.Role == known.Role && job.Platform == known.Platform).ToList();
        var failed = known.Failed.ToList();
        List<(BuildJob, RunResult)> told = [];
        while (true)
        {
            var attempt = failed.Count + 1;
            var job = jobs.Find(candidate => candidate.Attempt == attempt);
            var result = job is null ? Vanished(known, attempt, jobs, snapshot.Now) : Told(job, results, snapshot.Now);
            if (result?.Failure is not { } failure || !RetryPolicy.Follows(known.Role, failure, failed, BuildDefaults.RetriesOf(snapshot.Build.Spec)))
            {
                return new Attempts
                {
                    Current = attempt,
                    Job = job,
                    Started = known.Started,
                    Result = result,
                    Failed = failed,
                    Told = told,
                    NotBefore = failed is [.., var last] ? RetryPolicy.NextAt(last, snapshot.Build.Metadata.Uid) : null,
                    // On a node that does not answer a deletion changes nothing, and as long as a publish Job is there others know of it.
                    LeftBehind = [.. jobs.Where(earlier => earlier.Attempt < attempt && earlier is { Live: true, Deleting: false, WritesCache: false } && !(earlier.NodeLost && earlier.MayPublish(snapshot.Now)))],
                };
            }

            if (job is not null) told.Add((job, result));
            failed.Add(new FailedAttempt
            {
                Role = known.Role,
                Platform = known.Platform,
                Attempt = attempt,
                Builder = job?.Builder ?? known.Started?.Builder,
                Class = failure.Class.ToString(),
                Reason = failure.Reason,
                At = Conditions.WholeSecond(snapshot.Now),
            });
        }
    }

    /// <summary>What a Job says that is being deleted, for a reason that may pass, is how it was ended and not how the build went. It is gone soon.</summary>
    private static RunResult? Told(BuildJob job, JobResult results, DateTimeOffset now)
    {
        var result = results.Of(job);
        var goes = job is { Deleting: true, NodeLost: false } && !(now >= job.GoneBy);
        return goes && result?.Failure is { } failure && RetryPolicy.MayPass(job.Role ?? "", failure) ? null : result;
    }

    /// <summary>There was a Job, and there is none: somebody deleted it.</summary>
    private static RunResult? Vanished(KnownAttempts known, int attempt, IReadOnlyList<BuildJob> jobs, DateTimeOffset now)
    {
        var followed = jobs.Any(job => job.Attempt > attempt);
        var old = known.Started is { } started && started.Number == attempt && now - started.At >= JobResult.StoreLag;
        return followed || old ? new RunResult { Failure = Failures.JobDeleted } : null;
    }
}
