using Slipway.Runner;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>What the end of a build's Jobs tells of builders that no pod shows.</summary>
internal static class JobOutcomes
{
    public static IReadOnlyList<JobOutcome> Of(BuildState state) => [.. state.Platforms.SelectMany(platform => Of(state, platform))];

    /// <summary>Told by the pass that writes the result to status: a Job that ended long ago says nothing of today.</summary>
    private static IEnumerable<JobOutcome> Of(BuildState state, PlatformState platform)
    {
        IEnumerable<(BuildJob Job, RunResult Result)> ended = platform.Attempts.Told;
        if (platform is { Job: { } job, Result: { } result } && platform.Before?.Phase is not (PlatformPhases.Succeeded or PlatformPhases.Failed)) ended = ended.Append((job, result));
        return from told in ended
               where told.Job is { Mode: BuilderModes.External, BuilderUid: not null }
               let reached = Reached(told.Result)
               where reached is not null
               select new JobOutcome(state.Snapshot.PoolKey, platform.Platform.ToString(), told.Job.BuilderUid!, told.Job.Uid, reached.Value);
    }

    /// <summary>Null where the result says neither: the Job never came to its builder, or was stopped.</summary>
    private static bool? Reached(RunResult result) => result.Failure?.Reason switch
    {
        null => true,
        FailureReasons.BuilderUnreachable or FailureReasons.BuilderLost => false,
        // It may be the Secret of one namespace that is wrong, and the other namespaces' builds are not to suffer for it.
        FailureReasons.BuilderUntrusted or FailureReasons.TimedOut or FailureReasons.Interrupted => null,
        // Counted once buildctl has run.
        _ => result.Cache is null ? null : true,
    };
}
