using Slipway.Api;
using Slipway.Cache;
using Slipway.JobPods;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>Which remote caches a build reads, and whether it writes its own.</summary>
internal static class BuildCaches
{
    private const string Never = "Never";

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
                .. (state.Spec.Cache?.Import ?? []).Select(source => CacheNames.Name(string.IsNullOrEmpty(source.Namespace) ? buildNamespace : source.Namespace, source.Scope, platform)),
            ],
            Mode = cache.Mode == "Min" ? "min" : "max",
            CredentialsSecret = CacheJobs.Secret(cache),
            Registry = CacheJobs.Registry(cache, credentials),
            S3 = CacheJobs.Bucket(cache, credentials),
        };
    }

    /// <summary>Where pool and build want it, and the pool lets this namespace.</summary>
    public static bool MayWrite(BuildSnapshot snapshot) =>
        snapshot.Pool?.Spec.Cache is { } cache && cache.Export != Never && snapshot.Build.Spec.Cache?.Export != Never
        && (cache.ExportFrom is not { } allowed || NamespaceSelection.Holds(allowed, snapshot));
}
