using Slipway.Api;
using Slipway.JobPods;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>Every attempt of a build, from its status and the Jobs that are still there.</summary>
internal static class AttemptsProgress
{
    public static IReadOnlyList<BuildAttempt> Of(IEnumerable<BuildJob> jobs, ImageBuildStatus status)
    {
        var own = jobs.Where(job => job.BuildKey == status.BuildKey).ToList();
        var failed = (status.FailedAttempts ?? []).Select(attempt => Failed(attempt, own)).ToList();
        var last = (status.Platforms ?? []).Where(HasRun).Select(platform => Last(platform, own, status));
        var others = own.Where(job => job.Role is JobRoles.Prepare or JobRoles.Publish).Select(job => Other(job, status));
        return [.. failed, .. last.Concat(others).Where(attempt => !failed.Any(before => IsSame(before, attempt)))];
    }

    public static bool IsSame(BuildAttempt one, BuildAttempt other) => (one.Role, one.Platform, one.Number) == (other.Role, other.Platform, other.Number);

    private static bool HasRun(PlatformBuildStatus platform) =>
        platform.StartedAt is not null || platform.Phase is PlatformPhases.Succeeded or PlatformPhases.Failed;

    private static BuildAttempt Failed(FailedAttempt attempt, List<BuildJob> jobs)
    {
        var number = attempt.Attempt ?? 1;
        var job = Find(jobs, attempt.Role, attempt.Platform, number);
        return new BuildAttempt
        {
            Role = attempt.Role,
            Platform = attempt.Platform,
            Number = number,
            Builder = attempt.Builder,
            Start = job?.Created,
            End = EndOf(job) ?? Utc(attempt.At),
            Class = attempt.Class ?? nameof(FailureClass.Unknown),
            Reason = attempt.Reason,
        };
    }

    private static BuildAttempt Last(PlatformBuildStatus platform, List<BuildJob> jobs, ImageBuildStatus status)
    {
        var number = platform.Attempts ?? 1;
        var job = Find(jobs, JobRoles.Build, platform.Platform, number);
        var start = job?.Created ?? Utc(platform.StartedAt);
        var told = GoDuration.TryParse(platform.Duration, out var duration) ? start + duration : null;
        var failure = platform.Failure ?? (platform.Phase == PlatformPhases.Cancelled ? status.Failure : null);
        return new BuildAttempt
        {
            Role = JobRoles.Build,
            Platform = platform.Platform,
            Number = number,
            Builder = platform.Builder,
            Start = start,
            End = EndOf(job) ?? told ?? Utc(status.CompletedAt),
            Succeeded = platform.Phase == PlatformPhases.Succeeded,
            // It was ended since another failed: that is no failure of its own.
            Class = platform.Phase == PlatformPhases.Cancelled ? nameof(FailureClass.Cancelled) : failure?.Class,
            Reason = failure?.Reason,
        };
    }

    /// <summary>Prepare and publish have no place of their own in status: what came after them tells how they ended.</summary>
    private static BuildAttempt Other(BuildJob job, ImageBuildStatus status)
    {
        var succeeded = job.Role == JobRoles.Publish ? status.IndexDigest is not null : status.Commit is not null;
        return new BuildAttempt
        {
            Role = job.Role!,
            Number = job.Attempt,
            Start = job.Created,
            End = EndOf(job) ?? Utc(status.CompletedAt),
            Succeeded = succeeded,
            Class = succeeded ? null : status.Failure?.Class,
            Reason = succeeded ? null : status.Failure?.Reason,
        };
    }

    private static BuildJob? Find(List<BuildJob> jobs, string role, string? platform, int number) =>
        jobs.FirstOrDefault(job => job.Role == role && job.Platform == platform && job.Attempt == number);

    private static DateTimeOffset? EndOf(BuildJob? job) => job?.EndOf(JobContainers.Runner) ?? job?.FinishedAt;

    private static DateTimeOffset? Utc(DateTime? time) => time is { } known ? new DateTimeOffset(DateTime.SpecifyKind(known, DateTimeKind.Utc)) : null;
}
