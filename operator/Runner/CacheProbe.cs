using Slipway.S3;

namespace Slipway.Runner;

/// <summary>
/// Whether the build's own cache was there to import. Of a registry BuildKit tells; of a bucket it does not: a manifest that has
/// expired looks like one that was imported. So the bucket is asked, beside the solve.
/// </summary>
internal sealed class CacheProbe : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly CacheAccess? _access;
    private readonly CancellationTokenSource _late;
    private readonly Task<bool> _inBucket;

    public CacheProbe(CacheAccess? access, TimeProvider time)
    {
        _access = access;
        _late = new CancellationTokenSource(Limit, time);
        _inBucket = access is { Cache.S3: { } bucket, Keys: { } keys } ? Task.Run(() => IsInBucketAsync(bucket, keys, access.Cache.Name, _late.Token)) : Task.FromResult(false);
    }

    public void Dispose()
    {
        _late.Cancel();
        _late.Dispose();
    }

    public async Task<bool> ImportedAsync(SolveOutcome outcome)
    {
        if (_access is null || !outcome.Solve.Imports) return false;
        if (_access.Cache.S3 is not null) return await _inBucket && !Imports(outcome).Any(vertex => vertex.Error is not null);
        var own = CacheArgs.Reference(_access.Cache.Registry!, _access.Cache.Name).ToString();
        return Imports(outcome).Any(vertex => vertex is { Completed: not null, Error: null } && vertex.Name.EndsWith($" {own}", StringComparison.Ordinal));
    }

    private static IEnumerable<Vertex> Imports(SolveOutcome outcome) => outcome.Progress.Vertices.Where(vertex => vertex.IsCacheImport);

    private static async Task<bool> IsInBucketAsync(S3CacheDescription cache, S3Keys keys, string name, CancellationToken token)
    {
        try
        {
            using var bucket = new S3Bucket(RunnerBucket.Connection(cache, keys));
            return await bucket.HeadAsync(S3Layout.Manifests(cache.Prefix) + name, token);
        }
#pragma warning disable CA1031 // It is a question beside the build, which nothing here may fail.
        catch (Exception)
#pragma warning restore CA1031
        {
            // What stands in the way stands in the way of the import, too, and BuildKit tells.
            return false;
        }
    }
}
