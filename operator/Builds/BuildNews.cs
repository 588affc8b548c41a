using Slipway.Api;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>
/// What one status write has changed, and the one before had not yet: whoever tells of it after the write tells it once, whatever is
/// restarted.
/// </summary>
internal sealed record BuildNews
{
    /// <summary>Attempts that failed and are followed by another.</summary>
    public IReadOnlyList<BuildAttempt> Retried { get; init; } = [];

    /// <summary>Attempts that decided how their platform ended.</summary>
    public IReadOnlyList<BuildAttempt> Decided { get; init; } = [];

    /// <summary>Platforms that were built.</summary>
    public IReadOnlyList<PlatformBuildStatus> Built { get; init; } = [];

    /// <summary>The phase that the build ended in; null where it has not just ended.</summary>
    public string? Ended { get; init; }

    /// <summary>Why it failed.</summary>
    public BuildFailure? Failure { get; init; }

    /// <summary>Failures that nothing has recognised. A platform's is its build's, too, and counts once.</summary>
    public int Unclassified { get; init; }

    public static BuildNews Of(BuildSnapshot snapshot, ImageBuildStatus after)
    {
        var before = snapshot.Build.Status is { } status && status.BuildKey == after.BuildKey ? status : new ImageBuildStatus();
        var attempts = AttemptsProgress.Of(snapshot.Jobs, after);
        var known = (before.FailedAttempts ?? []).ToHashSet();
        var decided = (after.Platforms ?? []).Where(platform => IsDecided(platform) && !IsDecided(Find(before, platform.Platform))).Select(platform => platform.Platform).ToHashSet();
        var retried = (after.FailedAttempts ?? []).Where(attempt => !known.Any(old => IsSame(old, attempt))).ToList();
        var news = new BuildNews
        {
            Retried = [.. attempts.Where(attempt => retried.Any(candidate => IsSame(candidate, attempt)))],
            Decided = [.. attempts.Where(attempt => attempt.Role == JobRoles.Build && decided.Contains(attempt.Platform!) && !(after.FailedAttempts ?? []).Any(failed => IsSame(failed, attempt)))],
            Built = [.. (after.Platforms ?? []).Where(platform => platform.Phase == PlatformPhases.Succeeded && decided.Contains(platform.Platform))],
            Ended = before.CompletedAt is null && after.CompletedAt is not null ? after.Phase : null,
            Failure = after.Failure,
        };
        var ofNoPlatform = news.Ended is not null && IsUnclassified(after.Failure?.Class, after.Failure?.Reason)
            && !(after.Platforms ?? []).Any(platform => IsUnclassified(platform.Failure?.Class, platform.Failure?.Reason));
        return news with { Unclassified = news.Retried.Concat(news.Decided).Count(attempt => IsUnclassified(attempt.Class, attempt.Reason)) + (ofNoPlatform ? 1 : 0) };
    }

    private static bool IsUnclassified(string? failureClass, string? reason) => failureClass == nameof(FailureClass.Unknown) || reason == FailureReasons.Unrecognised;

    private static bool IsDecided(PlatformBuildStatus? platform) => platform?.Phase is PlatformPhases.Succeeded or PlatformPhases.Failed;

    private static PlatformBuildStatus? Find(ImageBuildStatus status, string platform) => status.Platforms?.FirstOrDefault(candidate => candidate.Platform == platform);

    private static bool IsSame(FailedAttempt one, FailedAttempt other) => (one.Role, one.Platform, one.Attempt) == (other.Role, other.Platform, other.Attempt);

    private static bool IsSame(FailedAttempt failed, BuildAttempt attempt) => (failed.Role, failed.Platform, failed.Attempt ?? 1) == (attempt.Role, attempt.Platform, attempt.Number);
}
