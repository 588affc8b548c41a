using Slipway.Api;
using Slipway.Cache;
using Slipway.JobPods;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>Which remote caches a build reads, and whether it writes its own.</summary>
internal static class BuildCaches
{
    private const string Never = "Never";
    private const string OnMiss = "OnMiss";

    /// <param name="state">The build.</param>
    /// <param name="platform">The platform that is built.</param>
    /// <param name="credentials">Where the pod mounts the Secret of the cache.</param>
    public static CacheDescription? Of(BuildState state, Platform platform, string credentials)
    {
        if (state.Snapshot.Pool?.Spec.Cache is not { } cache) return null;
        var (buildNamespace, scope) = (state.Build.Metadata.NamespaceProperty, CacheNames.Scope(state.Spec));
        return new CacheDescription
        {
            Name = CacheNames.Name(buildNamespace, scope, platform),
            // A stage that is the same for all platforms is built by the first one, and serves the others.
            Others =
            [
                .. state.Platforms.Select(sibling => sibling.Platform).Where(sibling => sibling != platform).Select(sibling => CacheNames.Name(buildNamespace, scope, sibling)),
                .. (state.Spec.Cache?.Import ?? []).Select(source => CacheNames.Name(NamespaceOf(state, source), source.Scope, platform)),
            ],
            Mode = cache.Mode == "Min" ? "min" : "max",
            CredentialsSecret = CacheJobs.Secret(cache),
            Registry = CacheJobs.Registry(cache, credentials),
            S3 = CacheJobs.Bucket(cache, credentials),
        };
    }

    /// <summary>What was read and what was written, told as long as the Job is there: the ledger notes nothing twice, and after a crash nothing is lost.</summary>
    public static IReadOnlyList<CacheUse> Uses(BuildState state) =>
        state.Snapshot.Pool?.Spec.Cache is null ? [] : [.. state.Platforms.SelectMany(platform => Read(state, platform).Concat(Written(state, platform)))];

    private static IEnumerable<CacheUse> Read(BuildState state, PlatformState platform)
    {
        if (platform is not { Job: { } job, Succeeded: true } || PlatformProgress.Status(platform, state).Cache is not { Steps: { } steps, Cached: { } cached } cache || cache.Problem?.Reason == Reasons.CacheCredentialsMissing) yield break;
        var at = job.EndOf(JobContainers.Runner) ?? state.Now;
        yield return Use(platform.Platform, state.Build.Metadata.NamespaceProperty, CacheNames.Scope(state.Spec), at) with { Ratio = steps == 0 ? null : cached / (double)steps };
        foreach (var source in state.Spec.Cache?.Import ?? []) yield return Use(platform.Platform, NamespaceOf(state, source), source.Scope, at) with { OfAnother = true };
    }

    private static IEnumerable<CacheUse> Written(BuildState state, PlatformState platform) => platform.Export is not { Written: true } ? []
        : [Use(platform.Platform, state.Build.Metadata.NamespaceProperty, CacheNames.Scope(state.Spec), platform.Job?.EndOf(JobContainers.Cache) ?? state.Now) with { Exported = true }];

    private static CacheUse Use(Platform platform, string space, string scope, DateTimeOffset at) => new(CacheNames.Name(space, scope, platform), space, scope, platform.ToString(), at);

    private static string NamespaceOf(BuildState state, CacheSource source) => string.IsNullOrEmpty(source.Namespace) ? state.Build.Metadata.NamespaceProperty : source.Namespace;

    /// <summary>False where it may be another scope's cache that is in trouble: of a bucket, and of what a step misses, nobody says whose it is.</summary>
    public static bool IsOwn(BuildState state, CacheProblemStatus? problem) =>
        state.Spec.Cache?.Import is not { Count: > 0 } || (problem?.Reason == Reasons.CacheUnreadable && state.Snapshot.Pool?.Spec.Cache?.Registry is not null);

    /// <summary>As long as it is written anew often enough.</summary>
    public static bool OnMissOnly(BuildState state, Platform platform) =>
        state.Snapshot.Pool?.Spec.Cache is { } cache && (cache.Export == OnMiss || state.Spec.Cache?.Export == OnMiss)
        && !CacheLedger.IsExportDue(state.Snapshot.Caches.GetValueOrDefault(platform.ToString()), CacheTimes.TtlOf(cache), state.Now);

    /// <summary>Where pool and build want it, and the pool lets this namespace.</summary>
    public static bool MayWrite(BuildSnapshot snapshot) =>
        snapshot.Pool?.Spec.Cache is { } cache && cache.Export != Never && snapshot.Build.Spec.Cache?.Export != Never
        && (cache.ExportFrom is not { } allowed || NamespaceSelection.Holds(allowed, snapshot));
}
