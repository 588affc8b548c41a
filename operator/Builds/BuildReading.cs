using Slipway.Api;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>Snapshot to state: picks the Jobs of this buildKey and reads their results.</summary>
internal static class BuildReading
{
    public static BuildState Read(BuildSnapshot snapshot)
    {
        var buildKey = snapshot.BuildKey;
        var status = snapshot.Build.Status;
        var before = status?.BuildKey == buildKey ? status : new ImageBuildStatus();
        var outdated = snapshot.Jobs.Where(job => IsOutdated(job, buildKey, before)).ToList();
        var current = snapshot.Jobs.Except(outdated).ToList();
        var names = PlatformsOf(snapshot, before);
        var results = new JobResult(snapshot.Options, snapshot.Now);
        var prepare = AttemptReading.Read(Known(before, JobRoles.Prepare, null, null), current, snapshot, results);
        var publish = AttemptReading.Read(Known(before, JobRoles.Publish, null, Started(before.Publish)), current, snapshot, results);
        var platforms = names.Select(platform => Read(platform, snapshot, before, current, results)).ToList();
        return new BuildState
        {
            Snapshot = snapshot,
            BuildKey = buildKey,
            Before = before,
            Platforms = platforms,
            Prepare = prepare,
            Publish = publish,
            Commit = before.Commit ?? FullCommit(snapshot.Build.Spec.Source.Git) ?? prepare.Result?.Commit
                ?? platforms.SelectMany(Results).Select(result => result?.Commit).FirstOrDefault(commit => commit is not null),
            RequestedAt = RequestedAt(snapshot.Build, buildKey, snapshot.Now),
            StartedAt = before.StartedAt ?? FirstCreated(current),
            Current = current,
            Outdated = outdated,
        };
    }

    /// <summary>
    /// Jobs of another spec, and those that are going although nothing is known to have begun nor to be ending: the spec was changed and
    /// changed back, and what they report is how they were ended.
    /// </summary>
    private static bool IsOutdated(BuildJob job, string buildKey, ImageBuildStatus before) =>
        job.BuildKey != buildKey || (job.Deleting && before.StartedAt is null && !BuildState.IsEnding(before));

    /// <summary>An attempt that failed has looked the commit up all the same: the next one builds no other.</summary>
    private static IEnumerable<RunResult?> Results(PlatformState platform) => [.. platform.Attempts.Told.Select(told => told.Result), platform.Result];

    /// <summary>Decided once: a pool that gains a platform does not change a build that has begun.</summary>
    private static List<Platform> PlatformsOf(BuildSnapshot snapshot, ImageBuildStatus before)
    {
        var names = before.Platforms is { Count: > 0 } decided ? decided.Select(platform => platform.Platform)
            : snapshot.Build.Spec.Platforms is { Count: > 0 } asked ? asked
            : snapshot.Pool?.Spec.Platforms.Select(platform => platform.Platform) ?? [];
        return [.. names.Distinct(StringComparer.Ordinal)
            .Select(name => Platform.TryParse(name, out var platform) ? platform : (Platform?)null)
            .OfType<Platform>()];
    }

    private static PlatformState Read(Platform platform, BuildSnapshot snapshot, ImageBuildStatus before, IReadOnlyList<BuildJob> jobs, JobResult results)
    {
        var name = platform.ToString();
        var known = before.Platforms?.FirstOrDefault(candidate => candidate.Platform == name);
        var attempts = AttemptReading.Read(Known(before, JobRoles.Build, name, Started(known)), jobs, snapshot, results);
        return new PlatformState
        {
            Platform = platform,
            Before = known,
            Attempts = Recorded(known, before) is { } recorded ? attempts with { Result = recorded } : attempts,
            Slot = snapshot.Slots.TryGetValue(name, out var slot) ? slot : null,
            Export = attempts.Job is { } job ? JobResult.ExportOf(job) : null,
        };
    }

    /// <summary>A build is asked for with the object itself, and then with each change of its spec: that is as old as the first status that speaks of it.</summary>
    public static DateTime? RequestedAt(V1Alpha1ImageBuild build, string buildKey, DateTimeOffset now) => build.Status switch
    {
        { BuildKey: { } known } status when known == buildKey => status.RequestedAt ?? build.Metadata.CreationTimestamp,
        { BuildKey: not null } => Conditions.WholeSecond(now),
        _ => build.Metadata.CreationTimestamp,
    };

    private static KnownAttempts Known(ImageBuildStatus before, string role, string? platform, StartedAttempt? started) =>
        new(role, platform, [.. (before.FailedAttempts ?? []).Where(attempt => attempt.Role == role && attempt.Platform == platform)], started);

    private static StartedAttempt? Started(PlatformBuildStatus? known) =>
        known is { Phase: PlatformPhases.Building, StartedAt: { } at } ? new(known.Attempts ?? 1, new(at, TimeSpan.Zero), known.Builder) : null;

    private static StartedAttempt? Started(PublishStatus? known) =>
        known is { Attempts: { } attempt, StartedAt: { } at } ? new(attempt, new(at, TimeSpan.Zero)) : null;

    /// <summary>A result that status already holds needs no Job any more.</summary>
    private static RunResult? Recorded(PlatformBuildStatus? known, ImageBuildStatus before) => known?.Phase switch
    {
        PlatformPhases.Succeeded => new RunResult
        {
            Commit = before.Commit,
            IndexDigest = known.PushedDigest,
            ImageDigest = known.ImageDigest,
        },
        PlatformPhases.Failed when known.Failure is { } failure => new RunResult { Failure = Failures.Read(failure) },
        _ => null,
    };

    private static string? FullCommit(GitBuildSource? git) =>
        git?.Revision is { Length: 40 or 64 } revision && revision.All(char.IsAsciiHexDigitLower) ? revision : null;

    /// <summary>Time runs from the first platform's Job on: looking up a commit or waiting for a builder is not building.</summary>
    private static DateTime? FirstCreated(IReadOnlyList<BuildJob> jobs)
    {
        var building = jobs.Where(job => job.Role == JobRoles.Build).ToList();
        return building.Count == 0 ? null : Conditions.WholeSecond(building.Min(job => job.Created));
    }
}
