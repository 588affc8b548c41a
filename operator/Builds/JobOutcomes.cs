using Slipway.Runner;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>What the end of a build's Jobs tells of builders that no pod shows.</summary>
internal static class JobOutcomes
{
    public static IReadOnlyList<JobOutcome> Of(BuildState state) => [.. state.Platforms.Select(platform => Of(state, platform)).OfType<JobOutcome>()];

    /// <summary>Told by the pass that writes the result to status: a Job that ended long ago says nothing of today.</summary>
    private static JobOutcome? Of(BuildState state, PlatformState platform)
    {
        if (platform.Before?.Phase is PlatformPhases.Succeeded or PlatformPhases.Failed) return null;
        if (platform is not { Mode: BuilderModes.External, Job: { BuilderUid: { } builder } job, Result: { } result }) return null;
        return Reached(result) is { } reached ? new JobOutcome(state.Snapshot.PoolKey, platform.Platform.ToString(), builder, job.Uid, reached) : null;
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
