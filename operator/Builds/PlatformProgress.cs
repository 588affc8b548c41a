using System.Globalization;
using Slipway.Api;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>The status of one platform of a build.</summary>
internal static class PlatformProgress
{
    public static PlatformBuildStatus Status(PlatformState platform, BuildState state)
    {
        // What status holds stays: the Job that told it may be gone.
        if (platform.Before is { Phase: PlatformPhases.Succeeded or PlatformPhases.Failed } recorded) return WithExport(recorded, platform.Export, state);
        var status = Begun(platform, state);
        return platform.Result switch
        {
            { Failure: null } result => WithExport(Succeeded(status, result), platform.Export, state),
            { Failure: { } failure } result => Told(status, result) with
            {
                Phase = PlatformPhases.Failed,
                Failure = Failures.Write(failure, Failures.LogCommand(platform.Job)),
            },
            null => status,
        };
    }

    private static PlatformBuildStatus Begun(PlatformState platform, BuildState state)
    {
        // Of an attempt before this one only what the build has waited stays.
        var before = platform.Begun ? platform.Before : null;
        var started = before?.StartedAt ?? StartedAt(platform, state);
        var building = started is not null;
        var attempts = platform.Attempts.Failed.Count + (building ? 1 : 0);
        return new PlatformBuildStatus
        {
            Platform = platform.Platform.ToString(),
            Phase = building ? PlatformPhases.Building : platform.Slot is null ? PlatformPhases.Pending : PlatformPhases.Queued,
            StartedAt = started,
            Builder = before?.Builder ?? platform.Job?.Builder ?? platform.Slot?.Builder?.Name,
            PreferredBuilder = before?.PreferredBuilder ?? platform.Job?.PreferredBuilder ?? platform.Slot?.PreferredBuilder,
            Mode = platform.Mode,
            Attempts = attempts == 0 ? null : attempts,
            // What waited is told once: the queue that it is counted from is gone when its last platform starts.
            Queued = platform.Before?.Queued ?? (started is { } start ? GoDuration.Format(start - (state.Before.Queue?.Since ?? start)) : null),
        };
    }

    /// <summary>A slot that was granted becomes a Job in this very pass.</summary>
    private static DateTime? StartedAt(PlatformState platform, BuildState state) =>
        platform.Job is { } job ? Conditions.WholeSecond(job.Created)
        : platform.Slot?.Builder is not null && !platform.Attempts.Waits(state.Now) ? Conditions.WholeSecond(state.Now)
        : null;

    private static PlatformBuildStatus Succeeded(PlatformBuildStatus status, RunResult result) => Told(status, result) with
    {
        Phase = PlatformPhases.Succeeded,
        PushedDigest = result.IndexDigest,
        ImageDigest = result.ImageDigest,
        Attestations = result.Attestations is not { Count: > 0 } attestations ? null
            : [.. attestations.Select(attestation => new AttestationStatus
            {
                ManifestDigest = attestation.ManifestDigest,
                PredicateType = attestation.PredicateType,
                Digest = attestation.Digest,
                Size = attestation.Size,
            })],
    };

    private static PlatformBuildStatus Told(PlatformBuildStatus status, RunResult result) => status with
    {
        Duration = GoDuration.Format(TimeSpan.FromSeconds(result.DurationSeconds)),
        Cache = result.Cache is not { } cache ? null : new CacheStatus
        {
            Steps = cache.Steps,
            Cached = cache.Cached,
            Ratio = cache.Steps == 0 ? null : (cache.Cached / (double)cache.Steps).ToString("0.00", CultureInfo.InvariantCulture),
            Imported = cache.Imported,
            Problem = cache.Problem is { } problem ? new CacheProblemStatus { Reason = CacheHealth.ReasonOf(problem), Message = problem.Message } : null,
        },
    };

    /// <summary>A cache that was written without trouble says nothing: that is what everybody takes for granted, and no status is written for it.</summary>
    public static PlatformBuildStatus WithExport(PlatformBuildStatus status, CacheExportResult? export, BuildState state) =>
        export is null || status.Cache is not { } cache || CacheHealth.AfterExport(cache.Problem, export, BuildCaches.IsOwn(state, cache.Problem)) is var problem && problem == cache.Problem ? status
        : status with { Cache = cache with { Problem = problem } };
}
