using k8s.Models;
using Slipway.Api;
using Slipway.Api.Validation;
using Slipway.Cache;
using Slipway.Kube;
using Slipway.Kube.Informers;
using Slipway.Kube.Writing;

namespace Slipway.Builds;

/// <summary>Gathers what a decision may look at, from stores alone: no request is made.</summary>
internal sealed class BuildObserver(
    IStore<V1Alpha1ImageBuild> builds,
    IStore<V1Alpha1BuilderPool> pools,
    IStore<V1Job> jobs,
    IStore<V1Pod> pods,
    IStore<V1Node> nodes,
    IStore<V1Namespace> namespaces,
    ICacheLedger caches,
    Deleter deleter,
    BuildOptions options,
    TimeProvider time)
{
    /// <summary>Index of Jobs and pods: uid of the controller that owns them.</summary>
    public const string OwnerIndex = "owner";

    /// <summary>Indexes of builds.</summary>
    public const string TagIndex = "tag";
    public const string GroupIndex = "concurrencyGroup";

    public BuildSnapshot Observe(V1Alpha1ImageBuild build)
    {
        var snapshot = new BuildSnapshot
        {
            Build = build,
            ValidationErrors = Validation.Errors(build),
            Jobs = [.. jobs.ByIndex(OwnerIndex, build.Metadata.Uid).OrderBy(job => job.Metadata.Name, StringComparer.Ordinal).Select(WithPods)],
            Rivals = RivalsOf(build),
            NamespaceLabels = LabelsOf(build.Metadata.NamespaceProperty),
            Options = options,
            Now = time.GetUtcNow(),
        };
        var pool = pools.Get(snapshot.PoolKey);
        return snapshot with { Pool = pool, Caches = pool?.Spec.Cache is null ? snapshot.Caches : CachesOf(build, pool) };
    }

    /// <summary>Keys of the owner index: a result is only believed from a pod whose Job has the uid that we know.</summary>
    public static IEnumerable<string> OwnerOf(IMetadata<V1ObjectMeta> child) =>
        (child.Metadata.OwnerReferences ?? []).Where(owner => owner.Controller is true).Select(owner => owner.Uid);

    private Dictionary<string, CacheEntry> CachesOf(V1Alpha1ImageBuild build, V1Alpha1BuilderPool pool)
    {
        var (key, scope, known) = (NamespacedName.Of(pool), CacheNames.Scope(build.Spec), new Dictionary<string, CacheEntry>());
        foreach (var name in (build.Spec.Platforms is { Count: > 0 } asked ? asked : pool.Spec.Platforms.Select(platform => platform.Platform)).Distinct())
        {
            if (Platform.TryParse(name, out var platform) && caches.Find(key, CacheNames.Name(build.Metadata.NamespaceProperty, scope, platform)) is { } entry) known[name] = entry;
        }

        return known;
    }

    private BuildJob WithPods(V1Job job)
    {
        var own = pods.ByIndex(OwnerIndex, job.Metadata.Uid);
        return new BuildJob(job, own) { Deleted = deleter.HasDeleted(job.Metadata.Uid), NodeLost = own.Any(IsLost) && own.All(pod => IsLost(pod) || string.IsNullOrEmpty(pod.Spec?.NodeName)) };
    }

    /// <summary>A node that went is lost as much as one that is silent. Before Kubernetes 1.28 its Job makes another pod meanwhile, which may have no node to go to.</summary>
    private bool IsLost(V1Pod pod) =>
        pod.Metadata.DeletionTimestamp is not null && pod.Status?.Phase is "Running" or "Pending" && pod.Spec?.NodeName is { Length: > 0 } name
        && nodes.Get(new NamespacedName("", name))?.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) is not true;

    private Rivals RivalsOf(V1Alpha1ImageBuild build)
    {
        var now = time.GetUtcNow();
        // What is finished is looked at again and again; nobody can do anything to it, and to others it matters when it is about to go.
        if (build.Status?.CompletedAt is { } ended && build.Status.ObservedGeneration == build.Metadata.Generation
            && !(now >= new DateTimeOffset(ended, TimeSpan.Zero) + BuildDefaults.TtlOf(build.Spec))) return Rivals.None;
        return Rivals.Of(
            build,
            BuildReading.RequestedAt(build, BuildKey.Of(build.Spec), now) ?? now.UtcDateTime,
            Rivals.GroupOf(build).SelectMany(group => builds.ByIndex(GroupIndex, group)),
            [.. Rivals.TagsOf(build).SelectMany(tag => builds.ByIndex(TagIndex, tag)).DistinctBy(other => other.Metadata.Uid)],
            other => jobs.ByIndex(OwnerIndex, other.Metadata.Uid).Select(WithPods).Any(job => !job.NodeLost && job.MayPublish(now)));
    }

    private Dictionary<string, string>? LabelsOf(string name) =>
        namespaces.Get(new NamespacedName("", name)) is { } space ? space.Metadata.Labels?.ToDictionary() ?? [] : null;
}
