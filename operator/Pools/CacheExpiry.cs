using System.Collections.Concurrent;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Slipway.Api;
using Slipway.JobPods;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Informers;
using Slipway.Kube.Writing;
using Slipway.Runner;

namespace Slipway.Pools;

/// <summary>The Jobs that make caches go: what stores know of them, and how they are made, one at a time for each bucket.</summary>
internal sealed partial class CacheExpiry(IStore<V1Job> jobs, IStore<V1Pod> pods, PoolLedger ledger, IKubeClient client, Deleter deleter, JobOptions options, TimeProvider time, ILogger<CacheExpiry> logger)
{
    /// <summary>Indexes: the pool's uid, and the Job's, by whom a Job or pod of an expiry is owned; the bucket that a Job works on.</summary>
    public const string OwnerIndex = "expiryOwner";
    public const string BucketIndex = "cacheBucket";

    /// <summary>How far a store may lag behind what was made.</summary>
    private static readonly TimeSpan StoreLag = TimeSpan.FromSeconds(30);

    /// <summary>Buckets that a Job was just made for which no store may show yet.</summary>
    private readonly ConcurrentDictionary<string, (string PoolUid, DateTimeOffset Until)> _turns = new();

    public static IEnumerable<string> OwnerOf(IMetadata<V1ObjectMeta> child) =>
        child.Metadata.Labels is { } labels && labels.TryGetValue(SlipwayApi.RoleLabel, out var role) && role == PoolExpiry.Role
            ? (child.Metadata.OwnerReferences ?? []).Where(owner => owner.Controller is true).Select(owner => owner.Uid)
            : [];

    public static IEnumerable<string> BucketOf(V1Job job) => job.Metadata.Labels is { } labels && labels.TryGetValue(SlipwayApi.CacheBucketLabel, out var bucket) ? [bucket] : [];

    public ExpirySnapshot Observe(V1Alpha1BuilderPool pool) => new()
    {
        Options = options,
        Jobs = [.. jobs.ByIndex(OwnerIndex, pool.Metadata.Uid).Where(job => !deleter.HasDeleted(job.Metadata.Uid)).Select(WithResult)],
        Ledger = ledger.Read(NamespacedName.Of(pool)),
        BucketTaken = pool.Spec.Cache is { } cache && (cache.S3 is not null || cache.Registry is not null) && IsTaken(PoolExpiry.BucketOf(cache), pool.Metadata.Uid),
    };

    /// <summary>Returns when to come again for the ledger; null where all of it is written.</summary>
    public async Task<TimeSpan?> ActAsync(V1Alpha1BuilderPool pool, ExpiryPlan plan, CancellationToken cancellationToken)
    {
        foreach (var job in plan.Deletes)
        {
            if (await deleter.DeleteAsync(job, PropagationPolicy.Background, cancellationToken)) LogDeleted(NamespacedName.Of(job));
        }

        if (plan.Create is { } wanted && Take(BucketOf(wanted).Single(), pool.Metadata.Uid)) await CreateAsync(wanted, cancellationToken);
        return await ledger.WriteAsync(pool, plan.Forgotten, cancellationToken);
    }

    public void Forget(NamespacedName pool) => ledger.Forget(pool);

    private async Task CreateAsync(V1Job job, CancellationToken cancellationToken)
    {
        try
        {
            await client.CreateAsync(job, cancellationToken);
            LogCreated(NamespacedName.Of(job));
        }
        catch (KubeApiException refused) when (refused.IsAlreadyExists)
        {
            // A pass before this one has made it, and the store comes to know.
        }
    }

    private ExpiryJob WithResult(V1Job job) =>
        new(job, pods.ByIndex(OwnerIndex, job.Metadata.Uid).Select(pod => RunnerResult.Of(pod, JobContainers.Runner)).FirstOrDefault(result => result is not null));

    private bool IsTaken(string bucket, string poolUid) =>
        (_turns.TryGetValue(bucket, out var turn) && turn.PoolUid != poolUid && time.GetUtcNow() < turn.Until)
        || jobs.ByIndex(BucketIndex, bucket).Any(job => new ExpiryJob(job, null).Live && !OwnerOf(job).Contains(poolUid));

    /// <summary>False where another pool has been quicker in this very moment.</summary>
    private bool Take(string bucket, string poolUid)
    {
        var (now, mine) = (time.GetUtcNow(), (poolUid, time.GetUtcNow() + StoreLag));
        return _turns.AddOrUpdate(bucket, mine, (_, held) => held.PoolUid == poolUid || now >= held.Until ? mine : held).PoolUid == poolUid;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Created Job {Key}, to make a cache go whose time is over")]
    private partial void LogCreated(NamespacedName key);

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted Job {Key}")]
    private partial void LogDeleted(NamespacedName key);
}
