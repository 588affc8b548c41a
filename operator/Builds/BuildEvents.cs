using System.Globalization;
using Slipway.Api;
using Slipway.Cache;
using Slipway.Kube.Events;

namespace Slipway.Builds;

/// <summary>What is worth an Event. No text of a log, and nothing that only goes on.</summary>
internal static class BuildEvents
{
    /// <summary>Of the steps of a build: below, something has changed early in the Dockerfile or the cache was not there.</summary>
    private const double SharpFall = 0.5;

    /// <summary>Of fewer steps one is a large part.</summary>
    private const int FewSteps = 4;

    public static IEnumerable<RecordedEvent> Of(BuildSnapshot snapshot, ImageBuildStatus after, BuildNews news)
    {
        var build = snapshot.Build;
        foreach (var attempt in news.Retried)
            yield return RecordedEvent.Of(build, EventType.Warning, attempt.Reason ?? Reasons.Retrying, Message(attempt));
        foreach (var platform in news.Built)
        {
            if (Fall(platform, snapshot.Caches.GetValueOrDefault(platform.Platform)) is { } message) yield return RecordedEvent.Of(build, EventType.Warning, Reasons.CacheHitRatioFell, message);
        }

        if (ReadyTransition.Of(build, build.Status?.Conditions, after.Conditions) is { } ready)
            // Somebody asked for it: nobody needs to worry.
            yield return ready.Reason is Reasons.Cancelled or Reasons.Superseded ? ready with { Type = EventType.Normal } : ready;
    }

    /// <summary>Against the last build of the scope; null where it is no sharp one.</summary>
    private static string? Fall(PlatformBuildStatus platform, CacheEntry? last)
    {
        if (platform.Cache is not { Steps: >= FewSteps and var steps, Cached: { } cached } cache || CacheLedger.RatioOf(last) is not { } before || before - (cached / (double)steps) < SharpFall) return null;
        var why = cache.Problem is { } problem ? $" {problem.Message}" : cache.Imported is true ? "" : " The remote cache of this scope was not there.";
        return string.Create(CultureInfo.InvariantCulture, $"{cached} of {steps} steps of {platform.Platform} came from cache; of the last build of this scope it were {before:0 %}.{why}");
    }

    private static string Message(BuildAttempt attempt)
    {
        var what = attempt.Role switch
        {
            JobRoles.Build => $"to build {attempt.Platform}",
            JobRoles.Prepare => "to look the revision up",
            _ => $"to {attempt.Role}",
        };
        var where = attempt.Builder is { Length: > 0 } builder ? $" on {builder}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"Attempt {attempt.Number} {what}{where} failed ({attempt.Class}) and is tried again.");
    }
}
