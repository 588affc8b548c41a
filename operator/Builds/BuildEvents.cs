using System.Globalization;
using Slipway.Api;
using Slipway.Kube.Events;

namespace Slipway.Builds;

/// <summary>What is worth an Event. No text of a log, and nothing that only goes on.</summary>
internal static class BuildEvents
{
    public static IEnumerable<RecordedEvent> Of(V1Alpha1ImageBuild build, ImageBuildStatus after, BuildNews news)
    {
        foreach (var attempt in news.Retried)
            yield return RecordedEvent.Of(build, EventType.Warning, attempt.Reason ?? Reasons.Retrying, Message(attempt));
        if (ReadyTransition.Of(build, build.Status?.Conditions, after.Conditions) is { } ready)
            // Somebody asked for it: nobody needs to worry.
            yield return ready.Reason is Reasons.Cancelled or Reasons.Superseded ? ready with { Type = EventType.Normal } : ready;
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
