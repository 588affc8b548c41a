using System.Globalization;
using Slipway.Api;
using Slipway.Runner;
using Slipway.Tracing;

namespace Slipway.Builds;

/// <summary>
/// One trace for each build: what it waited for, and each attempt. Ids are hashes of uid, buildKey, role, platform and attempt, so that
/// a Job can be told the context of a span that is exported long afterwards, by whatever operator then leads. Names of attributes are
/// OpenTelemetry's for CI/CD where it has them.
/// </summary>
internal static class BuildTrace
{
    private const int TraceIdLength = 32;
    private const int SpanIdLength = 16;
    private const string QueueRole = "queue";

    /// <summary>The context of an attempt's span, as W3C writes it.</summary>
    public static string TraceParent(string uid, string buildKey, string role, string? platform, int attempt) =>
        Context(uid, buildKey, role, platform, attempt).TraceParent;

    /// <summary>The spans of a build that has just ended, root first.</summary>
    public static IReadOnlyList<Span> Of(BuildSnapshot snapshot, ImageBuildStatus after)
    {
        var attempts = AttemptsProgress.Of(snapshot.Jobs, after).Where(attempt => attempt.Start is not null || attempt.End is not null).ToList();
        var root = Root(snapshot.Build, after, attempts);
        var queues = (after.Platforms ?? []).Select(platform => Queue(snapshot, after, platform, attempts)).OfType<Span>();
        var children = queues.Concat(attempts.Select(attempt => Attempt(snapshot, after, attempt)));
        return [root, .. children.OrderBy(span => span.Start).Select(span => span with { ParentSpanId = root.Context.SpanId })];
    }

    private static Span Root(V1Alpha1ImageBuild build, ImageBuildStatus after, List<BuildAttempt> attempts)
    {
        var end = Utc(after.CompletedAt!.Value);
        var first = attempts.Select(attempt => attempt.Start).Append(Utc(after.StartedAt)).OfType<DateTimeOffset>().Append(end).Min();
        var start = Utc(after.RequestedAt) ?? first;
        return new Span
        {
            Context = Context(build.Metadata.Uid, after.BuildKey!, "", null, 0),
            Name = $"ImageBuild {NameOf(build)}",
            Kind = SpanKind.Server,
            Start = start < end ? start : end,
            End = end,
            Error = Error(after.Failure?.Class, after.Failure?.Reason),
            Attributes = RootAttributes(build, after),
        };
    }

    private static List<SpanAttribute> RootAttributes(V1Alpha1ImageBuild build, ImageBuildStatus after)
    {
        var attributes = new List<SpanAttribute>
        {
            new("cicd.pipeline.name", NameOf(build)),
            new("cicd.pipeline.run.id", $"{build.Metadata.Uid}/{after.BuildKey}"),
            new("cicd.pipeline.action.name", "BUILD"),
            new("cicd.pipeline.result", ResultOf(after.Failure?.Class)),
            new("k8s.namespace.name", build.Metadata.NamespaceProperty),
            new("slipway.pool", BuildSnapshot.PoolKeyOf(build).ToString()),
            new("slipway.phase", after.Phase ?? ""),
            new("container.image.name", build.Spec.Output.Image),
        };
        if (after.Platforms is { } platforms) attributes.Add(new("slipway.platforms", [.. platforms.Select(platform => platform.Platform)]) { Many = true });
        if (after.Tags is { Count: > 0 } tags) attributes.Add(new("container.image.tags", tags) { Many = true });
        if (after.IndexDigest is { } digest) attributes.Add(new("oci.manifest.digest", digest));
        if (after.Commit is { } commit) attributes.Add(new("vcs.ref.head.revision", commit));
        attributes.AddRange(Failure(after.Failure?.Class, after.Failure?.Reason));
        return attributes;
    }

    /// <summary>How long a platform waited for its first builder, or for one that never came.</summary>
    private static Span? Queue(BuildSnapshot snapshot, ImageBuildStatus after, PlatformBuildStatus platform, List<BuildAttempt> attempts)
    {
        var first = attempts.Where(attempt => attempt.Role == JobRoles.Build && attempt.Platform == platform.Platform).MinBy(attempt => attempt.Number);
        var end = first is { Number: 1 } ? first.Start : Utc(platform.StartedAt) ?? Utc(after.CompletedAt);
        var start = GoDuration.TryParse(platform.Queued, out var waited) ? end - waited
            : first is null && platform.StartedAt is null ? Utc(snapshot.Build.Status?.Queue?.Since)
            : null;
        if (start is null || end is null) return null;
        return new Span
        {
            Context = Context(snapshot.Build.Metadata.Uid, after.BuildKey!, QueueRole, platform.Platform, 1),
            Name = $"queued {platform.Platform}",
            Start = start.Value,
            End = end.Value,
            Attributes = [new("slipway.platform", platform.Platform)],
        };
    }

    private static Span Attempt(BuildSnapshot snapshot, ImageBuildStatus after, BuildAttempt attempt)
    {
        var end = attempt.End ?? attempt.Start!.Value;
        var start = attempt.Start ?? end;
        return new Span
        {
            Context = Context(snapshot.Build.Metadata.Uid, after.BuildKey!, attempt.Role, attempt.Platform, attempt.Number),
            Name = NameOf(attempt),
            Start = start,
            End = end < start ? start : end,
            Error = Error(attempt.Class, attempt.Reason),
            Attributes = AttemptAttributes(snapshot, after, attempt),
        };
    }

    private static List<SpanAttribute> AttemptAttributes(BuildSnapshot snapshot, ImageBuildStatus after, BuildAttempt attempt)
    {
        var context = Context(snapshot.Build.Metadata.Uid, after.BuildKey!, attempt.Role, attempt.Platform, attempt.Number);
        var attributes = new List<SpanAttribute>
        {
            new("cicd.pipeline.task.name", attempt.Platform is { } named ? $"{attempt.Role} {named}" : attempt.Role),
            new("cicd.pipeline.task.run.id", context.SpanId),
            new("cicd.pipeline.task.run.result", ResultOf(attempt.Class)),
            new("slipway.attempt", attempt.Number),
        };
        if (attempt.Role == JobRoles.Build) attributes.Add(new("cicd.pipeline.task.type", "build"));
        if (attempt.Platform is { } platform) attributes.Add(new("slipway.platform", platform));
        if (attempt.Builder is { } builder) attributes.Add(new("cicd.worker.name", builder));
        if (attempt.Succeeded && DigestOf(attempt, after) is { } digest) attributes.Add(new("oci.manifest.digest", digest));
        attributes.AddRange(Failure(attempt.Class, attempt.Reason));
        return attributes;
    }

    private static string? DigestOf(BuildAttempt attempt, ImageBuildStatus after) => attempt.Role switch
    {
        JobRoles.Build => after.Platforms?.FirstOrDefault(platform => platform.Platform == attempt.Platform)?.ImageDigest,
        JobRoles.Publish => after.IndexDigest,
        _ => null,
    };

    private static string NameOf(BuildAttempt attempt) => attempt switch
    {
        { Platform: { } platform } => string.Create(CultureInfo.InvariantCulture, $"{attempt.Role} {platform} attempt {attempt.Number}"),
        { Number: > 1 } => string.Create(CultureInfo.InvariantCulture, $"{attempt.Role} attempt {attempt.Number}"),
        _ => attempt.Role,
    };

    private static IEnumerable<SpanAttribute> Failure(string? failureClass, string? reason)
    {
        if (failureClass is null) yield break;
        yield return new("slipway.failure.class", failureClass);
        if (reason is not null) yield return new("error.type", reason);
    }

    /// <summary>Nobody has failed where somebody asked for the end.</summary>
    private static string? Error(string? failureClass, string? reason) =>
        failureClass is null or nameof(FailureClass.Cancelled) ? null : $"{failureClass}: {reason}";

    /// <summary>OpenTelemetry's words: failure is the build's own, error everybody else's.</summary>
    private static string ResultOf(string? failureClass) => failureClass switch
    {
        null => "success",
        nameof(FailureClass.Timeout) => "timeout",
        nameof(FailureClass.Cancelled) => "cancellation",
        nameof(FailureClass.User) or nameof(FailureClass.Config) or nameof(FailureClass.Policy) => "failure",
        _ => "error",
    };

    private static string NameOf(V1Alpha1ImageBuild build) => $"{build.Metadata.NamespaceProperty}/{build.Metadata.Name}";

    private static SpanContext Context(string uid, string buildKey, string role, string? platform, int attempt) => new(
        ChildNames.Hash($"{uid}/{buildKey}", TraceIdLength),
        ChildNames.Hash(string.Create(CultureInfo.InvariantCulture, $"{uid}/{buildKey}/{role}/{platform}/{attempt}"), SpanIdLength));

    private static DateTimeOffset? Utc(DateTime? time) => time is { } known ? Utc(known) : null;

    private static DateTimeOffset Utc(DateTime time) => new(DateTime.SpecifyKind(time, DateTimeKind.Utc));
}
