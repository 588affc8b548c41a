using Slipway.S3;

namespace Slipway.Runner;

/// <summary>The pool's bucket, as a description has it.</summary>
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
}
