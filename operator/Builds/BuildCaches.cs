using Slipway.Api;
using Slipway.Cache;
using Slipway.JobPods;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>Which remote caches a build reads, and whether it writes its own.</summary>
internal static class BuildCaches
{
    private const string Never = "Never";
    private const string Volume = "cache";

    /// <summary>A blob of the cache is touched by an export that needs it and finds it older than this.</summary>
    private static readonly TimeSpan TouchRefresh = TimeSpan.FromHours(24);

    /// <param name="state">The build.</param>
    /// <param name="platform">The platform that is built.</param>
    /// <param name="credentials">Where the pod mounts the Secret of the cache.</param>
    public static CacheDescription? Of(BuildState state, Platform platform, string credentials)
    {
        if (state.Snapshot.Pool?.Spec.Cache is not { } cache) return null;
        var (buildNamespace, scope) = (state.Build.Metadata.NamespaceProperty, CacheNames.Scope(state.Spec));
        var secret = (cache.Registry?.CredentialsSecretRef ?? cache.S3?.CredentialsSecretRef)?.Name;
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
            CredentialsSecret = secret,
            Registry = cache.Registry is not { } registry ? null : new RegistryCacheDescription { Repository = registry.Repository, CredentialsDirectory = secret is null ? null : credentials },
            S3 = cache.S3 is not { } bucket ? null : new S3CacheDescription
            {
                Bucket = bucket.Bucket,
                Region = bucket.Region,
                Prefix = bucket.Prefix ?? "",
                EndpointUrl = string.IsNullOrEmpty(bucket.EndpointUrl) ? null : bucket.EndpointUrl,
                UsePathStyle = bucket.UsePathStyle ?? false,
                TouchRefreshSeconds = (int)TouchRefresh.TotalSeconds,
                CredentialsDirectory = secret is null ? null : credentials,
            },
        };
    }

    /// <summary>The cache's Secret, which need not be in the namespace of the pod.</summary>
    public static IEnumerable<JobVolume> Credentials(V1Alpha1BuilderPool? pool, string directory) => pool?.Spec.Cache switch
    {
        { Registry.CredentialsSecretRef: { } secret } => [JobVolume.DockerConfig(Volume, secret.Name, directory)],
        { S3.CredentialsSecretRef: { } secret } => [JobVolume.OptionalSecret(Volume, secret.Name, directory)],
        _ => [],
    };

    /// <summary>Where pool and build want it, and the pool lets this namespace.</summary>
    public static bool MayWrite(BuildSnapshot snapshot) =>
        snapshot.Pool?.Spec.Cache is { } cache && cache.Export != Never && snapshot.Build.Spec.Cache?.Export != Never
        && (cache.ExportFrom is not { } allowed || NamespaceSelection.Holds(allowed, snapshot));
}
