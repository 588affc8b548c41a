using Slipway.Registry;
using Slipway.S3;

namespace Slipway.Runner;

/// <summary>slipway expire-cache: what a pool's cache no longer uses goes, by the bucket's own rules where they can do it, else by hand.</summary>
internal sealed class ExpireCacheVerb(TextWriter log, TimeProvider time)
{
    /// <summary>Rules count whole days and add some: of less than this they would make far more.</summary>
    private static readonly TimeSpan LeastForRules = TimeSpan.FromHours(72);

    public Task<RunResult> RunAsync(ExpireCacheDescription expire, CancellationToken interrupted) => RunReport.OfAsync(
        async report =>
        {
            using var deadline = new Deadline(TimeSpan.FromSeconds(expire.TimeoutSeconds), time, interrupted);
            await deadline.GuardAsync(() => expire.S3 is { } bucket ? InBucketAsync(report, expire, bucket, deadline.Token) : InRegistryAsync(report, expire.Registry!, expire.CredentialsSecret, deadline.Token));
        },
        log,
        time);

    private Task InBucketAsync(RunReport report, ExpireCacheDescription expire, S3CacheDescription cache, CancellationToken token) => BucketFailures.GuardAsync(cache, expire.CredentialsSecret, log, async () =>
    {
        using var bucket = new S3Bucket(await ConnectionAsync(cache, expire.CredentialsSecret, token));
        var retention = Retention(expire, cache);
        if (await SweepReasonAsync(report, bucket, retention, expire, token) is { } why)
        {
            await SweepAsync(report, bucket, retention, why, token);
        }
    });

    private async Task InRegistryAsync(RunReport report, RegistryExpiryDescription expire, string? secret, CancellationToken token)
    {
        try
        {
            using var registry = Registry(expire, secret);
            Report(report, await new RegistrySweep(registry, log).RunAsync(expire.UnusedTags, token));
        }
        catch (RegistryException e)
        {
            await log.WriteLineAsync($"registry: {e.Message}");
            throw new RunFailureException(CacheRegistryFailures.Of(e, expire.Cache, secret));
        }
        catch (FormatException)
        {
            throw new RunFailureException(CacheRegistryFailures.CredentialsInvalid(expire.Cache, secret));
        }
    }

    private RegistryClient Registry(RegistryExpiryDescription expire, string? secret)
    {
        var repository = RepositoryName.Parse(expire.Cache.Repository);
        var credentials = expire.Cache.CredentialsDirectory is not { } folder ? null
            : (CredentialFiles.Read(folder) is { } config ? DockerConfig.Credentials(config, repository.Host) : null)
                ?? throw new RunFailureException(CacheRegistryFailures.CredentialsMissing(expire.Cache, secret));
        return RegistryClient.Create(
            new RegistryConnection
            {
                Repository = repository,
                Credentials = credentials,
                PlainHttp = expire.PlainHttp,
                SkipVerify = expire.InsecureSkipVerify,
                Ca = expire.Ca,
            },
            time);
    }

    /// <summary>Null once the bucket's rules do it.</summary>
    private async Task<string?> SweepReasonAsync(RunReport report, S3Bucket bucket, S3Retention retention, ExpireCacheDescription expire, CancellationToken token)
    {
        if (retention.Ttl < LeastForRules)
        {
            return ExpiryResult.TtlShort;
        }

        try
        {
            Report(report, await new S3Expiry(bucket, retention, TimeSpan.FromSeconds(expire.VerifyAfterSeconds), log, time).ApplyAsync(token));
            return null;
        }
        catch (S3Exception e) when (e.Fault is S3Fault.Denied or S3Fault.NotImplemented or S3Fault.Refused)
        {
            await log.WriteLineAsync($"S3: {e.Message}. The bucket's rules cannot do it, so this run does.");
            return e.Fault == S3Fault.Denied ? ExpiryResult.LifecycleDenied : ExpiryResult.LifecycleUnsupported;
        }
    }

    private async Task SweepAsync(RunReport report, S3Bucket bucket, S3Retention retention, string why, CancellationToken token)
    {
        var sweep = new S3Sweep(bucket, retention, log, time);
        try
        {
            await sweep.RunAsync(token);
        }
        finally
        {
            Report(report, sweep.Result with { Why = why });
        }
    }

    private static void Report(RunReport report, ExpiryResult expiry) =>
        report.Result = report.Result with { Expiry = expiry with { Conflicts = [.. expiry.Conflicts.Take(ExpiryResult.MaxConflicts)] } };

    private static async Task<S3Connection> ConnectionAsync(S3CacheDescription cache, string? secret, CancellationToken token) => RunnerBucket.Connection(
        cache, await S3KeySource.ReadAsync(cache.CredentialsDirectory, token) ?? throw new RunFailureException(BucketFailures.KeysMissing(cache, secret)));

    private static S3Retention Retention(ExpireCacheDescription expire, S3CacheDescription cache) => new()
    {
        Owner = expire.Owner,
        Prefix = cache.Prefix,
        Ttl = TimeSpan.FromSeconds(expire.TtlSeconds),
        TouchRefresh = TimeSpan.FromSeconds(cache.TouchRefreshSeconds),
    };
}
