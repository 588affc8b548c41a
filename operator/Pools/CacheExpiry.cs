using System.Collections.Concurrent;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Slipway.Api;
using Slipway.Cache;
using Slipway.JobPods;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Informers;
using Slipway.Kube.Writing;

namespace Slipway.Pools;

/// <summary>The Jobs that make caches go: what stores know of them, and how they are made, one at a time for each bucket.</summary>
internal sealed partial class CacheExpiry(
    IStore<V1Job> jobs, IStore<V1Pod> pods, IStore<V1Alpha1BuilderPool> pools, PoolLedger ledger, IKubeClient client, Deleter deleter, JobOptions options, TimeProvider time, ILogger<CacheExpiry> logger)
{
    /// <summary>Indexes: the pool's uid, and the Job's, by whom a Job or pod of an expiry is owned; the bucket that a Job works on.</summary>
    public const string OwnerIndex = "expiryOwner";
    public const string BucketIndex = "cacheBucket";

    /// <summary>Buckets that a Job was just made for which no store may show yet.</summary>
    private readonly ConcurrentDictionary<string, (string PoolUid, DateTimeOffset Until)> _turns = new();

    private readonly ConcurrentDictionary<NamespacedName, ExpiryRefusal> _refusals = new();

    private static readonly TimeSpan AfterRefusal = TimeSpan.FromHours(1);

    /// <summary>For the pass that tells of what this one has met.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    public static IEnumerable<string> OwnerOf(IMetadata<V1ObjectMeta> child) =>
        child.Metadata.Labels is { } labels && labels.TryGetValue(SlipwayApi.RoleLabel, out var role) && role == PoolExpiry.Role
            ? (child.Metadata.OwnerReferences ?? []).Where(owner => owner.Controller is true).Select(owner => owner.Uid)
            : [];

    /// <summary>Whose cache a pod makes go: it is in the pool's namespace, and its end may be seen after its Job's.</summary>
    public static IEnumerable<NamespacedName> PoolOf(V1Pod? pod) =>
        pod is not null && OwnerOf(pod).Any() && pod.Metadata.Labels.TryGetValue(SlipwayApi.PoolLabel, out var pool) ? [new NamespacedName(pod.Metadata.NamespaceProperty, pool)] : [];

    public static IEnumerable<string> BucketOf(V1Job job) => job.Metadata.Labels is { } labels && labels.TryGetValue(SlipwayApi.CacheBucketLabel, out var bucket) ? [bucket] : [];

    public ExpirySnapshot Observe(V1Alpha1BuilderPool pool) => new()
    {
        Options = options,
        Jobs = [.. jobs.ByIndex(OwnerIndex, pool.Metadata.Uid).Select(WithResult)],
        Ledger = LedgerOf(pool),
        Refusal = _refusals.TryGetValue(NamespacedName.Of(pool), out var refusal) && time.GetUtcNow() < refusal.Until ? refusal : null,
        BucketTaken = pool.Spec.Cache is { } cache && (cache.S3 is not null || cache.Registry is not null) && IsTaken(PoolExpiry.BucketOf(cache), pool.Metadata.Uid),
    };

    /// <summary>Returns when to come again, for the ledger mostly; null where all is done.</summary>
    public async Task<TimeSpan?> ActAsync(V1Alpha1BuilderPool pool, ExpiryPlan plan, CancellationToken cancellationToken)
    {
        foreach (var job in plan.Deletes)
        {
            // One that runs stays visible until its pod is gone: nothing new starts beside it.
            if (await deleter.DeleteAsync(job.Job, job.Live ? PropagationPolicy.Foreground : PropagationPolicy.Background, cancellationToken)) LogDeleted(NamespacedName.Of(job.Job));
        }

        var again = await ledger.WriteAsync(pool, plan.Forgotten, cancellationToken);
        if (plan.Create is not { } wanted) return again;
        if (!Take(BucketOf(wanted).Single(), pool.Metadata.Uid)) return again < PoolExpiry.BucketPoll ? again : PoolExpiry.BucketPoll;
        return await TryCreateAsync(pool, wanted, cancellationToken) ? again : Soon;
    }

    public void Forget(NamespacedName pool)
    {
        ledger.Forget(pool);
        _refusals.TryRemove(pool, out _);
    }

    /// <summary>False where it is refused, by a quota or a policy: the pool has more to do than to make its cache go.</summary>
    private async Task<bool> TryCreateAsync(V1Alpha1BuilderPool pool, V1Job job, CancellationToken cancellationToken)
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
        catch (KubeApiException refused) when (!refused.IsTransient)
        {
            _refusals[NamespacedName.Of(pool)] = new ExpiryRefusal(job.Metadata.Labels[SlipwayApi.CacheSpecLabel], refused.Message, time.GetUtcNow() + AfterRefusal);
            LogRefused(NamespacedName.Of(job), refused.Message);
            return false;
        }

        return true;
    }

    private ExpiryJob WithResult(V1Job job) =>
        new(job, pods.ByIndex(OwnerIndex, job.Metadata.Uid).Select(pod => RunnerResult.Of(pod, JobContainers.Runner)).FirstOrDefault(result => result is not null && RunnerResult.IsSound(result.Failure)))
        {
            Deleted = deleter.HasDeleted(job.Metadata.Uid),
        };

    /// <summary>A tag says nothing of pools: what another one with the same repository uses is in use, for as long as that one wants it.</summary>
    private Dictionary<string, CacheEntry> LedgerOf(V1Alpha1BuilderPool pool)
    {
        var own = ledger.Read(NamespacedName.Of(pool));
        if (pool.Spec.Cache is not { Registry: not null } cache || own.Count == 0) return own;
        var place = PoolExpiry.BucketOf(cache);
        foreach (var other in pools.List().Where(other => other.Metadata.Uid != pool.Metadata.Uid && other.Spec.Cache is { Registry: not null } shared && PoolExpiry.BucketOf(shared) == place))
        {
            var longer = CacheTimes.TtlOf(other.Spec.Cache!) - CacheTimes.TtlOf(cache);
            foreach (var (name, entry) in ledger.Read(NamespacedName.Of(other)))
            {
                if (own.TryGetValue(name, out var mine) && mine.LastUsed < entry.LastUsed + longer) own[name] = mine with { LastUsed = entry.LastUsed + longer };
            }
        }

        return own;
    }

    /// <summary>By a Job of a pool, not one that somebody else has labelled so, and not for longer than it can take.</summary>
    private bool IsTaken(string bucket, string poolUid) =>
        (_turns.TryGetValue(bucket, out var turn) && turn.PoolUid != poolUid && time.GetUtcNow() < turn.Until)
        || jobs.ByIndex(BucketIndex, bucket).Any(job => IsOfAnotherPool(job, poolUid) && new ExpiryJob(job, null) is { Live: true } other && !other.IsOverdue(time.GetUtcNow()));

    private static bool IsOfAnotherPool(V1Job job, string poolUid) =>
        job.Metadata.OwnerReferences?.Any(owner => owner.Controller is true && owner.Kind == V1Alpha1BuilderPool.KindName && owner.Uid != poolUid) is true;

    /// <summary>False where another pool has been quicker in this very moment.</summary>
    private bool Take(string bucket, string poolUid)
    {
        var (now, mine) = (time.GetUtcNow(), (poolUid, time.GetUtcNow() + ExpiryJob.StoreLag));
        return _turns.AddOrUpdate(bucket, mine, (_, held) => held.PoolUid == poolUid || now >= held.Until ? mine : held).PoolUid == poolUid;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Created Job {Key}, to make a cache go whose time is over")]
    private partial void LogCreated(NamespacedName key);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Job {Key} cannot be made: {Why}")]
    private partial void LogRefused(NamespacedName key, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted Job {Key}")]
    private partial void LogDeleted(NamespacedName key);
}
