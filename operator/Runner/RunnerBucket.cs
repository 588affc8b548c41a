using Slipway.S3;

namespace Slipway.Runner;

/// <summary>The pool's bucket, and where BuildKit keeps what in it.</summary>
internal static class RunnerBucket
{
    public static S3Connection Connection(S3CacheDescription cache, S3Keys keys) => new()
    {
        Bucket = cache.Bucket,
        Region = cache.Region,
        EndpointUrl = cache.EndpointUrl,
        UsePathStyle = cache.UsePathStyle,
        Keys = keys,
    };

    /// <summary>prefix and name are joined as they are.</summary>
    public static string ManifestKey(S3CacheDescription cache, string name) => $"{cache.Prefix}manifests/{name}";
}
