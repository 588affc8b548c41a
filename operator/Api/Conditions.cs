using k8s.Models;

namespace Slipway.Api;

/// <summary>The one place that writes conditions: sorted by type, whole seconds, a time that moves only with the status.</summary>
internal static class Conditions
{
    public const string True = "True";
    public const string False = "False";
    public const string Unknown = "Unknown";

    public const string Ready = nameof(Ready);
    public const string Reconciling = nameof(Reconciling);
    public const string Stalled = nameof(Stalled);
    public const string Succeeded = nameof(Succeeded);
    public const string Complete = nameof(Complete);
    public const string VersionVulnerable = nameof(VersionVulnerable);
    public const string CacheHealthy = nameof(CacheHealthy);
    public const string CacheExpiryApplied = nameof(CacheExpiryApplied);

    private const int MessageLimit = 1024;

    /// <summary>
    /// The conditions as they should be, one of a type: the first that is wanted. A type that is not among
    /// <paramref name="wanted"/> goes away.
    /// </summary>
    public static IReadOnlyList<V1Condition> Merge(
        IReadOnlyList<V1Condition>? current, IEnumerable<Condition> wanted, long? generation, DateTimeOffset now)
    {
        var before = (current ?? []).ToLookup(condition => condition.Type);
        return [.. wanted.DistinctBy(condition => condition.Type).OrderBy(condition => condition.Type, StringComparer.Ordinal)
            .Select(condition => Written(condition, before[condition.Type].FirstOrDefault(), generation, now))];
    }

    public static bool IsTrue(this IReadOnlyList<V1Condition>? conditions, string type) =>
        conditions?.Any(condition => condition.Type == type && condition.Status == True) ?? false;

    private static V1Condition Written(Condition wanted, V1Condition? before, long? generation, DateTimeOffset now) => new()
    {
        Type = wanted.Type,
        Status = wanted.Status,
        Reason = wanted.Reason,
        Message = wanted.Message.Length <= MessageLimit ? wanted.Message : wanted.Message[..(MessageLimit - 1)] + "…",
        ObservedGeneration = generation,
        LastTransitionTime = before is { } same && same.Status == wanted.Status ? same.LastTransitionTime : WholeSecond(now),
    };

    /// <summary>metav1.Time keeps whole seconds: anything finer would read back as a change.</summary>
    public static DateTime WholeSecond(DateTimeOffset time) => new(time.UtcTicks - (time.UtcTicks % TimeSpan.TicksPerSecond), DateTimeKind.Utc);
}

/// <summary>A condition as a planner asks for it.</summary>
internal sealed record Condition(string Type, string Status, string Reason, string Message);
