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
        var superseded = snapshot.Jobs.Where(job => IsSuperseded(job, buildKey, before)).ToList();
        var current = snapshot.Jobs.Except(superseded).ToList();
        var names = PlatformsOf(snapshot, before);
        var results = new JobResult(snapshot.Options, snapshot.Now, single: names.Count == 1);
        var prepare = current.FirstOrDefault(job => job.Role == JobRoles.Prepare);
        var prepared = prepare is null ? null : results.Of(prepare);
        var publish = current.FirstOrDefault(job => job.Role == JobRoles.Publish);
        var platforms = names.Select(platform => Read(platform, snapshot, before, current, results)).ToList();
        return new BuildState
        {
            Snapshot = snapshot,
            BuildKey = buildKey,
            Before = before,
            Platforms = platforms,
            PrepareJob = prepare,
            PrepareResult = prepared,
            PublishJob = publish,
            PublishResult = publish is null ? null : results.Of(publish),
            Commit = before.Commit ?? FullCommit(snapshot.Build.Spec.Source.Git) ?? prepared?.Commit
                ?? platforms.Select(platform => platform.Result?.Commit).FirstOrDefault(commit => commit is not null),
            StartedAt = before.StartedAt ?? FirstCreated(current),
            Current = current,
            Superseded = superseded,
        };
    }

    /// <summary>
    /// Jobs of another spec, and those that are going although nothing is known to have begun: the spec was changed and changed back,
    /// and what they report is how they were ended.
    /// </summary>
    private static bool IsSuperseded(BuildJob job, string buildKey, ImageBuildStatus before) =>
        job.BuildKey != buildKey || (job.Deleting && before.StartedAt is null);

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
        var job = jobs.FirstOrDefault(candidate => candidate.Role == JobRoles.Build && candidate.Platform == name);
        var result = Recorded(known, before) ?? (job is null ? null : results.Of(job));
        return new PlatformState
        {
            Platform = platform,
            Before = known,
            Job = job,
            Result = result ?? Vanished(known, job, snapshot),
            Slot = snapshot.Slots.TryGetValue(name, out var slot) ? slot : null,
        };
    }

    /// <summary>A result that status already holds needs no Job any more.</summary>
    private static RunResult? Recorded(PlatformBuildStatus? known, ImageBuildStatus before) => known?.Phase switch
    {
        PlatformPhases.Succeeded => new RunResult
        {
            Commit = before.Commit,
            IndexDigest = known.PushedDigest,
            ImageDigest = known.ImageDigest,
            Cache = known.Cache is not { } cache ? null : new CacheResult
            {
                Steps = cache.Steps ?? 0,
                Cached = cache.Cached ?? 0,
                Imported = cache.Imported ?? false,
                CredentialsMissing = before.Conditions.IsFalse(Conditions.CacheHealthy),
            },
        },
        PlatformPhases.Failed when known.Failure is { } failure => new RunResult { Failure = Failures.Read(failure) },
        _ => null,
    };

    /// <summary>Status says that a Job ran, and there is none: somebody deleted it.</summary>
    private static RunResult? Vanished(PlatformBuildStatus? known, BuildJob? job, BuildSnapshot snapshot)
    {
        if (job is not null || known?.Phase != PlatformPhases.Building || known.StartedAt is not { } started) return null;
        return snapshot.Now - new DateTimeOffset(started, TimeSpan.Zero) < JobResult.StoreLag ? null : new RunResult { Failure = Failures.JobDeleted };
    }

    private static string? FullCommit(GitBuildSource? git) =>
        git?.Revision is { Length: 40 or 64 } revision && revision.All(char.IsAsciiHexDigitLower) ? revision : null;

    /// <summary>Time runs from the first platform's Job on: looking up a commit or waiting for a builder is not building.</summary>
    private static DateTime? FirstCreated(IReadOnlyList<BuildJob> jobs)
    {
        var building = jobs.Where(job => job.Role == JobRoles.Build).ToList();
        return building.Count == 0 ? null : Conditions.WholeSecond(building.Min(job => job.Created));
    }
}
