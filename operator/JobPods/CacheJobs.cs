using Slipway.Api;
using Slipway.Cache;
using Slipway.Runner;

namespace Slipway.JobPods;

/// <summary>A pool's cache as Jobs are told of it, and the Secret that they mount for it: looked for in their own namespace, whichever that is.</summary>
internal static class CacheJobs
{
    private const string Volume = "cache";

    /// <summary>Name of the Secret; null where there is none to look for.</summary>
    public static string? Secret(PoolCache cache) => (cache.Registry?.CredentialsSecretRef ?? cache.S3?.CredentialsSecretRef)?.Name;

    public static IEnumerable<JobVolume> Credentials(PoolCache? cache, string directory) => cache switch
    {
        { Registry.CredentialsSecretRef: { } secret } => [JobVolume.DockerConfig(Volume, secret.Name, directory)],
        { S3.CredentialsSecretRef: { } secret } => [JobVolume.OptionalSecret(Volume, secret.Name, directory)],
        _ => [],
    };

    public static RegistryCacheDescription? Registry(PoolCache cache, string directory) => cache.Registry is not { } registry ? null : new()
    {
        Repository = registry.Repository,
        CredentialsDirectory = Secret(cache) is null ? null : directory,
    };

    public static S3CacheDescription? Bucket(PoolCache cache, string directory) => cache.S3 is not { } bucket ? null : new()
    {
        Bucket = bucket.Bucket,
        Region = bucket.Region,
        Prefix = bucket.Prefix ?? "",
        EndpointUrl = string.IsNullOrEmpty(bucket.EndpointUrl) ? null : bucket.EndpointUrl,
        UsePathStyle = bucket.UsePathStyle ?? false,
        TouchRefreshSeconds = (int)CacheTimes.TouchRefreshOf(cache).TotalSeconds,
        CredentialsDirectory = Secret(cache) is null ? null : directory,
    };
}
