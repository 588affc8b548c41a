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
/// <param name="Started">The attempt that was begun last, and when; null where status does not say.</param>
internal sealed record KnownAttempts(string Role, string? Platform, IReadOnlyList<FailedAttempt> Failed, (int Attempt, DateTime At, string? Builder)? Started);

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
                    Result = result,
                    Failed = failed,
                    Told = told,
                    NotBefore = failed is [.., var last] ? RetryPolicy.NextAt(last, snapshot.Build.Metadata.Uid) : null,
                    LeftBehind = [.. jobs.Where(earlier => earlier.Attempt < attempt && earlier.Live && !earlier.Deleting && !MayStillTag(earlier, snapshot.Now))],
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
        var old = known.Started is { } started && started.Attempt == attempt && now - new DateTimeOffset(started.At, TimeSpan.Zero) >= JobResult.StoreLag;
        return followed || old ? new RunResult { Failure = Failures.JobDeleted } : null;
    }

    /// <summary>On a node that does not answer a deletion changes nothing, and as long as the Job is there others know of it.</summary>
    private static bool MayStillTag(BuildJob job, DateTimeOffset now) => job is { NodeLost: true, Role: JobRoles.Publish } && now < job.TagsUntil;
}
