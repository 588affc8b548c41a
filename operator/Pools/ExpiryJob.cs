using System.Globalization;
using System.Text.Json;
using k8s.Models;
using Slipway.Api;
using Slipway.Cache;
using Slipway.JobPods;
using Slipway.Runner;

namespace Slipway.Pools;

/// <summary>A Job that made the pool's cache go where its time was over, or is to.</summary>
/// <param name="Job">As the store has it.</param>
/// <param name="Result">What its pod left; null as long as there is nothing, and where it left none.</param>
internal sealed record ExpiryJob(V1Job Job, RunResult? Result)
{
    /// <summary>The Job and its pod come by two watches, of which either may be the later one.</summary>
    public static readonly TimeSpan StoreLag = TimeSpan.FromSeconds(30);

    /// <summary>Of all Jobs for this spec of the cache, 1 for the first.</summary>
    public int Number => SlipwayApi.AttemptOf(Job.Metadata.Annotations);

    /// <summary>The spec of the cache that it was made for, as a hash.</summary>
    public string? Spec => Job.Metadata.Labels is { } labels && labels.TryGetValue(SlipwayApi.CacheSpecLabel, out var spec) ? spec : null;

    /// <summary>We have deleted it, and the store may not know yet.</summary>
    public bool Deleted { get; init; }

    public bool Deleting => Deleted || Job.Metadata.DeletionTimestamp is not null;

    public bool Live => EndedAt is null;

    /// <summary>No node takes it, or nobody lets its pod be made: such Jobs have no end of their own.</summary>
    public bool IsOverdue(DateTimeOffset now) => Live && now >= Created + Overdue;

    public static readonly TimeSpan Overdue = TimeSpan.FromHours(1);

    public DateTimeOffset Created => new((Job.Metadata.CreationTimestamp ?? default).ToUniversalTime());

    /// <summary>When the Job controller saw its end; null while it runs.</summary>
    public DateTimeOffset? EndedAt => Job.Status?.Conditions?.FirstOrDefault(condition => condition.Type is "Complete" or "Failed" && condition.Status == "True") is { } end
        ? new DateTimeOffset((end.LastTransitionTime ?? Job.Metadata.CreationTimestamp ?? default).ToUniversalTime())
        : null;

    /// <summary>When it is to be taken for certain that it left nothing; null where it runs, or has left something.</summary>
    public DateTimeOffset? SilentAt => Result is null ? EndedAt + StoreLag : null;

    /// <summary>It has ended, and what it left is known.</summary>
    public bool IsTold(DateTimeOffset now) => !Live && !(SilentAt > now);

    /// <summary>The tags that it was told to delete; none where the cache is in a bucket.</summary>
    public IReadOnlyList<string> Tags
    {
        get
        {
            try
            {
                return RunnerJson.Deserialize<ExpireCacheDescription>(RunnerJob.DescriptionOf(Job, JobContainers.Runner)).Registry?.UnusedTags ?? [];
            }
            catch (JsonException)
            {
                return [];
            }
        }
    }

    public bool Succeeded => Result is { Failure: null, Expiry.Complete: true };

    public string LogCommand => string.Create(CultureInfo.InvariantCulture, $"kubectl logs -n {Job.Metadata.NamespaceProperty} job/{Job.Metadata.Name} -c {JobContainers.Runner}");
}

/// <summary>What a pass knows of the expiry of a pool's cache.</summary>
internal sealed record ExpirySnapshot
{
    public required JobOptions Options { get; init; }

    /// <summary>The pool's own, of whatever spec.</summary>
    public IReadOnlyList<ExpiryJob> Jobs { get; init; } = [];

    /// <summary>When which cache was used last.</summary>
    public IReadOnlyDictionary<string, CacheEntry> Ledger { get; init; } = new Dictionary<string, CacheEntry>();

    /// <summary>What the API server had against the last one, for a while; null where it had nothing.</summary>
    public ExpiryRefusal? Refusal { get; init; }

    /// <summary>Another pool's Job is at the same bucket, whose list of rules is written as a whole.</summary>
    public bool BucketTaken { get; init; }
}

/// <summary>A Job that the API server would not have: for which spec of the cache, why, and when it is tried again.</summary>
internal sealed record ExpiryRefusal(string Spec, string Message, DateTimeOffset Until);
