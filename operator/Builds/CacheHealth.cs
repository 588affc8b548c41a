using Slipway.Api;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>What became of a build's remote cache, as status tells it. No build fails for any of it.</summary>
internal static class CacheHealth
{
    private const string OwnWritten = " The build's own is written afresh.";

    /// <summary>Says nothing where the pool has no cache, or no platform has told of it.</summary>
    public static Condition? Condition(V1Alpha1BuilderPool? pool, IReadOnlyList<PlatformBuildStatus> platforms)
    {
        var told = platforms.Where(platform => platform.Cache is not null).ToList();
        if (pool?.Spec.Cache is null || told.Count == 0) return null;
        var troubled = told.Where(platform => platform.Cache!.Problem is not null).ToList();
        // What is mended already is no trouble any more, as long as there is another.
        var worst = troubled.FirstOrDefault(platform => platform.Cache!.Problem!.Reason != Reasons.CacheRepaired) ?? troubled.FirstOrDefault();
        if (worst?.Cache?.Problem is not { } problem) return new(Conditions.CacheHealthy, Conditions.True, Reasons.CacheInUse, "The build ran with the pool's cache.");
        return new(Conditions.CacheHealthy, problem.Reason == Reasons.CacheRepaired ? Conditions.True : Conditions.False, problem.Reason,
            string.Join(" ", troubled.Select(platform => $"{platform.Platform}: {platform.Cache!.Problem!.Message}")));
    }

    public static string ReasonOf(CacheProblem problem) => problem.Kind switch
    {
        CacheProblemKind.CredentialsMissing => Reasons.CacheCredentialsMissing,
        CacheProblemKind.Unreadable => Reasons.CacheUnreadable,
        CacheProblemKind.Broken => Reasons.CacheBroken,
        _ => Reasons.CacheNotWritten,
    };

    /// <summary>What was wrong before stays in the story: a cache that was written after it is mended, if it was the build's own.</summary>
    public static CacheProblemStatus? AfterExport(CacheProblemStatus? before, CacheExportResult export, bool isOwn) => (before, export) switch
    {
        ({ Reason: Reasons.CacheUnreadable or Reasons.CacheBroken, Message: { } story }, { Written: true }) when !isOwn =>
            story.EndsWith(OwnWritten, StringComparison.Ordinal) ? before : before with { Message = story + OwnWritten },
        ({ Reason: Reasons.CacheUnreadable or Reasons.CacheBroken }, { Written: true }) =>
            new() { Reason = Reasons.CacheRepaired, Message = $"{before.Message} It is written afresh." },
        (null, { Problem: { } problem }) => new() { Reason = ReasonOf(problem), Message = problem.Message },
        // Looked at again and again: it is told once.
        ({ Reason: Reasons.CacheUnreadable or Reasons.CacheBroken, Message: { } story }, { Problem: { } problem }) when !story.EndsWith(problem.Message, StringComparison.Ordinal) =>
            before with { Message = $"{story} {problem.Message}" },
        _ => before,
    };
}
