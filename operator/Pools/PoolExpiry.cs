using k8s.Models;
using Slipway.Api;
using Slipway.Cache;
using Slipway.JobPods;
using Slipway.Kube.Writing;
using Slipway.Runner;

namespace Slipway.Pools;

/// <summary>What is to be done so that a pool's cache goes when its time is over, and how that stands.</summary>
internal sealed record ExpiryPlan
{
    public static readonly ExpiryPlan None = new();

    /// <summary>At most one at a time.</summary>
    public V1Job? Create { get; init; }

    /// <summary>Of another spec, or older than the last that has ended.</summary>
    public IReadOnlyList<ExpiryJob> Deletes { get; init; } = [];

    /// <summary>Caches that are gone, or so old that nothing of them is left: the ledger forgets them.</summary>
    public IReadOnlyList<string> Forgotten { get; init; } = [];

    /// <summary>When the next Job is due, or this one overdue; null where only events matter.</summary>
    public DateTimeOffset? NextLook { get; init; }
}

/// <summary>
/// A Job in the pool's namespace, with the pool's own credentials, sees to it. Of a bucket at once, and then again and again, since rules
/// can be taken away and a sweep is never done for good; of a registry when the ledger has tags that no build uses any more. The last
/// one stays for its result and its log.
/// </summary>
internal static class PoolExpiry
{
    public const string Role = "expire-cache";

    private const string CredentialsDirectory = "/run/slipway/cache";

    private static readonly TimeSpan JobTimeout = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan ShortestPeriod = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan LongestPeriod = TimeSpan.FromHours(24);
    private static readonly TimeSpan AnHour = TimeSpan.FromHours(1);

    /// <summary>Of one Job; the next one takes the others.</summary>
    private const int MostTags = 500;

    /// <summary>Nobody tells this pool that another one is through with the bucket.</summary>
    public static readonly TimeSpan BucketPoll = TimeSpan.FromSeconds(30);

    public static ExpiryPlan Plan(PoolSnapshot snapshot)
    {
        if (snapshot.Expiry is not { } expiry) return ExpiryPlan.None;
        var jobs = expiry.Jobs.Where(job => !job.Deleting).ToList();
        if (snapshot.Pool.Spec.Cache is not { } cache) return new ExpiryPlan { Deletes = jobs, Forgotten = [.. expiry.Ledger.Keys] };
        var own = OfSpec(snapshot, jobs);
        var latest = own.MaxBy(job => job.Number);
        var ended = own.Where(job => job.IsTold(snapshot.Now)).MaxBy(job => job.Number);
        var forgotten = Forgotten(snapshot, cache, ended);
        var unused = cache.Registry is null ? [] : CacheLedger.Unused(expiry.Ledger, CacheTimes.TtlOf(cache), snapshot.Now).Except(forgotten).Take(MostTags).ToList();
        var due = Due(snapshot, cache, latest, unused.Count > 0);
        var isDue = due <= snapshot.Now;
        // What is on its way out has not let go of the bucket yet, unless its node has gone with it.
        var refusal = RefusalOf(snapshot, cache);
        var waits = refusal is not null || expiry.BucketTaken || expiry.Jobs.Any(job => job.Live && snapshot.Now < job.Created + (ExpiryJob.Overdue * 3));
        return new ExpiryPlan
        {
            Create = isDue && !waits ? Job(snapshot, cache, (latest?.Number ?? 0) + 1, unused) : null,
            Deletes = [.. jobs.Except(own).Concat(own.Where(job => job.Number < ended?.Number || (isDue && job.IsOverdue(snapshot.Now)) || TakesWhatIsUsed(snapshot, job))).Distinct()],
            Forgotten = forgotten,
            NextLook = latest is { Live: true } && !latest.IsOverdue(snapshot.Now) ? latest.Created + ExpiryJob.Overdue
                : latest?.SilentAt > snapshot.Now ? latest.SilentAt
                : due > snapshot.Now ? due
                : waits ? refusal?.Until ?? snapshot.Now + BucketPoll : null,
        };
    }

    /// <summary>Null where the pool has no cache.</summary>
    public static Condition? Condition(PoolSnapshot snapshot)
    {
        if (snapshot.Expiry is not { } expiry || snapshot.Pool.Spec.Cache is not { } cache || snapshot.Errors.Count > 0) return null;
        var own = OfSpec(snapshot, expiry.Jobs);
        var told = own.Where(job => job.IsTold(snapshot.Now)).MaxBy(job => job.Number);
        var overdue = own.FirstOrDefault(job => job.IsOverdue(snapshot.Now));
        return overdue is not null ? No(Reasons.CacheExpiryFailed, $"Job {overdue.Job.Metadata.Name} has not ended in an hour: kubectl describe -n {overdue.Job.Metadata.NamespaceProperty} job/{overdue.Job.Metadata.Name} says why.")
            : RefusalOf(snapshot, cache) is { } refusal ? No(Reasons.CacheExpiryFailed, $"The Job that sees to it cannot be made in {snapshot.Pool.Metadata.NamespaceProperty}, and is tried again in an hour: {refusal.Message}")
            : told is not null ? Told(cache, told)
            : cache.Registry is not null ? TagsGo(cache)
            : new(Conditions.CacheExpiryApplied, Conditions.Unknown, Reasons.CacheExpiryPending, expiry.BucketTaken ? "Another pool's Job is at the same bucket; this one's follows." : "The Job that sees to it is on its way.");
    }

    /// <summary>When the next Job is to begin: of a bucket again and again, of a registry when tags are out of use.</summary>
    private static DateTimeOffset? Due(PoolSnapshot snapshot, PoolCache cache, ExpiryJob? latest, bool anyUnused)
    {
        if (cache.Registry is not null && !anyUnused)
            return CacheLedger.FirstGoesAt(snapshot.Expiry!.Ledger, CacheTimes.TtlOf(cache)) is { } first && first > snapshot.Now ? first : null;
        if (latest is null) return snapshot.Now;
        var pause = IsRefused(cache, latest) ? LongestPeriod : cache.Registry is null && latest.Succeeded ? Period(cache) : Earlier(Period(cache), AnHour);
        return (latest.EndedAt ?? (latest.Created + ExpiryJob.Overdue)) + pause;
    }

    /// <summary>Of the spec of the cache as it is: another one is tried at once.</summary>
    private static ExpiryRefusal? RefusalOf(PoolSnapshot snapshot, PoolCache cache) =>
        snapshot.Expiry!.Refusal is { } refusal && refusal.Spec == SpecOf(snapshot, cache) ? refusal : null;

    /// <summary>A registry that will not delete tags: it is asked a few times more, until the ledger forgets them.</summary>
    private static bool IsRefused(PoolCache cache, ExpiryJob latest) =>
        cache.Registry is not null && latest.Result is { Failure.Reason: FailureReasons.CacheDeletesForbidden } or { Failure: null, Expiry.Complete: false };

    /// <summary>It waits for a node, or is about to delete, what a build has come to use since it was made.</summary>
    private static bool TakesWhatIsUsed(PoolSnapshot snapshot, ExpiryJob job) =>
        job.Live && job.Tags.Any(tag => snapshot.Expiry!.Ledger.TryGetValue(tag, out var entry) && entry.LastUsed > job.Created);

    /// <summary>What a Job has deleted and no build has used since, and what there is no use in remembering.</summary>
    private static IReadOnlyList<string> Forgotten(PoolSnapshot snapshot, PoolCache cache, ExpiryJob? ended)
    {
        var (ledger, ttl) = (snapshot.Expiry!.Ledger, CacheTimes.TtlOf(cache));
        var deleted = cache.Registry is not null && ended is { Succeeded: true }
            ? ended.Tags.Where(tag => ledger.TryGetValue(tag, out var entry) && CacheLedger.IsUnusedSince(entry, ended.Created, ttl)) : [];
        return [.. CacheLedger.Forgettable(ledger, ttl, snapshot.Now).Union(deleted)];
    }

    /// <summary>One at a time for each; hashed, since an address is no label.</summary>
    public static string BucketOf(PoolCache cache) => ChildNames.Hash(cache.S3 is { } bucket ? $"{bucket.EndpointUrl}/{bucket.Bucket}" : cache.Registry!.Repository, 16);

    private static IReadOnlyList<ExpiryJob> OfSpec(PoolSnapshot snapshot, IEnumerable<ExpiryJob> jobs)
    {
        var spec = SpecOf(snapshot, snapshot.Pool.Spec.Cache!);
        return [.. jobs.Where(job => job.Spec == spec)];
    }

    private static Condition TagsGo(PoolCache cache) => new(Conditions.CacheExpiryApplied, Conditions.True, Reasons.CacheSwept,
        $"A Job deletes tags of {cache.Registry!.Repository} that no build has used for {GoDuration.Format(CacheTimes.TtlOf(cache))}; their blobs are freed by the registry's own garbage collection.");

    private static Condition Told(PoolCache cache, ExpiryJob job) => job.Result switch
    {
        { Failure: { } failure } => No(failure.Reason == FailureReasons.CredentialsSecretMissing ? Reasons.CacheCredentialsMissing : failure.Reason, $"{failure.Message} Log: {job.LogCommand}"),
        { Expiry.Complete: true } when cache.Registry is not null => TagsGo(cache),
        { Expiry: { Conflicts.Count: > 0 } expiry } => No(Reasons.CacheExpiryConflict, $"The cache may go too early, or not at all: {string.Join("; ", expiry.Conflicts)}."),
        { Expiry: { Complete: true, Means: ExpiryResult.Lifecycle } } => new(Conditions.CacheExpiryApplied, Conditions.True, Reasons.CacheLifecycleApplied,
            $"Rules of the bucket delete a cache {GoDuration.Format(CacheTimes.TtlOf(cache))} after its last export, rounded up to days, and blobs days later."),
        { Expiry: { Complete: true } expiry } => new(Conditions.CacheExpiryApplied, Conditions.True, Reasons.CacheSwept,
            $"A Job deletes a cache {GoDuration.Format(CacheTimes.TtlOf(cache))} after its last export{Why(expiry)}."),
        _ => No(Reasons.CacheExpiryFailed, $"The Job has not come to its end. Log: {job.LogCommand}"),
    };

    private static string Why(ExpiryResult expiry) => expiry.Why switch
    {
        ExpiryResult.TtlShort => ", since rules of a bucket count whole days",
        ExpiryResult.LifecycleDenied => ", since the credentials may not change the rules of the bucket (s3:GetLifecycleConfiguration, s3:PutLifecycleConfiguration)",
        ExpiryResult.LifecycleUnsupported => ", since the bucket's rules cannot be read and written back as they are (the server knows none, or such as this version does not)",
        _ => "",
    };

    private static Condition No(string reason, string message) => new(Conditions.CacheExpiryApplied, Conditions.False, reason, message);

    private static TimeSpan Period(PoolCache cache)
    {
        var quarter = CacheTimes.TtlOf(cache) / 4;
        return quarter < ShortestPeriod ? ShortestPeriod : Earlier(quarter, LongestPeriod);
    }

    private static TimeSpan Earlier(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static V1Job Job(PoolSnapshot snapshot, PoolCache cache, int number, IReadOnlyList<string> unused)
    {
        var (pool, spec) = (snapshot.Pool, SpecOf(snapshot, cache));
        return RunnerJob.Of(
            new JobShape
            {
                Metadata = new V1ObjectMeta
                {
                    Name = ChildNames.ExpiryJob(pool.Metadata.Name, pool.Metadata.Uid, spec, number),
                    NamespaceProperty = pool.Metadata.NamespaceProperty,
                    OwnerReferences = [OwnerReferences.ControlledBy(pool)],
                    Labels = new Dictionary<string, string>
                    {
                        [SlipwayApi.ManagedByLabel] = SlipwayApi.ManagedBy,
                        [SlipwayApi.ComponentLabel] = SlipwayApi.CacheComponent,
                        [SlipwayApi.PoolLabel] = pool.Metadata.Name,
                        [SlipwayApi.PoolNamespaceLabel] = pool.Metadata.NamespaceProperty,
                        [SlipwayApi.CacheSpecLabel] = spec,
                        [SlipwayApi.CacheBucketLabel] = BucketOf(cache),
                    },
                },
                Role = Role,
                Attempt = number,
                Description = RunnerJson.Serialize(Description(snapshot, cache, unused)),
                Timeout = JobTimeout,
                Volumes = [.. CacheJobs.Credentials(cache, CredentialsDirectory)],
                Template = new JobTemplate { ServiceAccountName = cache.S3?.ServiceAccountName },
            },
            snapshot.Expiry!.Options);
    }

    private static ExpireCacheDescription Description(PoolSnapshot snapshot, PoolCache cache, IReadOnlyList<string> unused) => new()
    {
        Owner = snapshot.Pool.Metadata.Uid,
        TtlSeconds = (int)CacheTimes.TtlOf(cache).TotalSeconds,
        CredentialsSecret = CacheJobs.Secret(cache),
        S3 = CacheJobs.Bucket(cache, CredentialsDirectory),
        Registry = cache.Registry is null ? null : Registry(snapshot.Pool, cache, unused),
        TimeoutSeconds = RunnerJob.Seconds(JobTimeout),
    };

    /// <summary>How its builders reach the registry, this Job reaches it.</summary>
    private static RegistryExpiryDescription Registry(V1Alpha1BuilderPool pool, PoolCache cache, IReadOnlyList<string> unused)
    {
        var host = cache.Registry!.Repository.Split('/')[0];
        var known = (pool.Spec.Registries ?? []).FirstOrDefault(registry => registry.Host == host);
        return new RegistryExpiryDescription
        {
            Cache = CacheJobs.Registry(cache, CredentialsDirectory)!,
            PlainHttp = known?.PlainHttp ?? false,
            InsecureSkipVerify = known?.InsecureSkipVerify ?? false,
            Ca = string.IsNullOrEmpty(known?.Ca) ? null : known.Ca,
            UnusedTags = unused,
        };
    }

    /// <summary>All that makes a Job do something else: whoever corrects it need not wait for the next one.</summary>
    private static string SpecOf(PoolSnapshot snapshot, PoolCache cache) =>
        ChildNames.Hash($"{cache.S3?.ServiceAccountName}\n{RunnerJson.Serialize(Description(snapshot, cache, []))}", 16);
}
