using Slipway.S3;

namespace Slipway.Runner;

/// <summary>What an S3 server would not do as a failure of the run.</summary>
internal static class BucketFailures
{
    /// <summary>Runs what talks to the bucket and names its refusals.</summary>
    public static async Task GuardAsync(S3CacheDescription cache, string? secret, TextWriter log, Func<Task> calls)
    {
        try
        {
            await calls();
        }
        catch (S3Exception e)
        {
            await log.WriteLineAsync($"S3: {e.Message}");
            throw new RunFailureException(Of(e, cache, secret));
        }
    }

    public static RunFailure Of(S3Exception fault, S3CacheDescription cache, string? secret) => fault.Fault switch
    {
        S3Fault.Unauthorized or S3Fault.Denied => RunFailure.Of(FailureClass.Config, FailureReasons.CacheBucketUnauthorized,
            secret is null
                ? $"This pod's cloud identity may not use the bucket {cache.Bucket} of the cache ({fault.Place}): its role has to list, read, write and delete there."
                : $"The keys in the Secret {secret} may not use the bucket {cache.Bucket} of the cache ({fault.Place}): correct them, or let them list, read, write and delete there."),
        S3Fault.NotFound => RunFailure.Of(FailureClass.Config, FailureReasons.CacheBucketMissing,
            $"There is no bucket {cache.Bucket} at {cache.EndpointUrl ?? cache.Region}: create it, or correct its name, region or endpoint in the pool's cache."),
        S3Fault.Busy or S3Fault.Unreachable => RunFailure.Of(FailureClass.Infrastructure, FailureReasons.CacheBucketUnavailable,
            $"The server of the bucket {cache.Bucket} is busy, broken or cannot be reached ({fault.Place}). It is tried again."),
        _ => RunFailure.Of(FailureClass.Config, FailureReasons.CacheBucketRefused,
            $"The server of the bucket {cache.Bucket} does not take what is asked of it ({fault.Place}): look at region and endpoint in the pool's cache."),
    };

    public static RunFailure KeysMissing(S3CacheDescription cache, string? secret) => RunFailure.Of(
        FailureClass.Config,
        FailureReasons.CredentialsSecretMissing,
        secret is null
            ? $"This pod has no cloud identity for the bucket {cache.Bucket}: give its ServiceAccount one (IRSA, EKS Pod Identity), or name a Secret with keys in the pool's cache."
            : $"The Secret {secret} with the keys for the bucket {cache.Bucket} is not in this namespace, or has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: create it.");
}
