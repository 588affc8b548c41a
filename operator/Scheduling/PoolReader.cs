using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Informers;

namespace Slipway.Scheduling;

/// <summary>Reads builders and live Jobs of a pool from the stores.</summary>
internal sealed class PoolReader(IStore<V1Alpha1BuilderPool> pools, IStore<V1Pod> pods, IStore<V1Job> jobs, Circuits circuits)
{
    /// <summary>Index of builder pods and of build Jobs: namespace/name of their pool.</summary>
    public const string PoolIndex = "pool";

    public V1Alpha1BuilderPool? Pool(NamespacedName pool) => pools.Get(pool);

    /// <summary>Every builder of the platform, ready or not.</summary>
    public IReadOnlyList<Builder> Builders(NamespacedName pool, string platform) =>
        Pool(pool) is { } definition && definition.Spec.Platforms.FirstOrDefault(candidate => candidate.Platform == platform) is { } external && Endpoints.Serve(external)
            ? circuits.Builders(definition, external)
            : PodsOf(pool, platform);

    private IReadOnlyList<Builder> PodsOf(NamespacedName pool, string platform) =>
        [.. BuilderPods(pool, platform).Select(pod => Builder.From(pod, ChildNames.StatefulSet(pool.Name, Platform.Parse(platform)))).OrderBy(builder => builder.Ordinal)];

    /// <summary>Every build Job of the platform that is there, ended or not. A slot is held by a live one alone.</summary>
    public IReadOnlyList<JobSlot> Jobs(NamespacedName pool, string platform) =>
        [.. jobs.ByIndex(PoolIndex, pool.ToString()).Select(Slot).OfType<JobSlot>().Where(job => job.Slot.Platform == platform)];

    /// <summary>Index keys of a StatefulSet or pod: only builders have one.</summary>
    public static IEnumerable<string> PoolOf(IMetadata<V1ObjectMeta> builder) => PoolLabels.PoolOf(builder).Select(pool => pool.ToString());

    /// <summary>Index keys of a Job: only those that run on a builder have one.</summary>
    public static IEnumerable<string> PoolOf(V1Job job) => PoolLabels.PoolOf(job).Select(pool => pool.ToString());

    private IEnumerable<V1Pod> BuilderPods(NamespacedName pool, string platform)
    {
        var dashed = Platform.Parse(platform).Dashed;
        return pods.ByIndex(PoolIndex, pool.ToString())
            .Where(pod => pod.Metadata.Labels.TryGetValue(SlipwayApi.PlatformLabel, out var label) && label == dashed);
    }

    private static bool IsLive(V1Job job) =>
        !(job.Status?.Conditions?.Any(condition => condition.Type is "Complete" or "Failed" && condition.Status == "True") ?? false);

    private static JobSlot? Slot(V1Job job)
    {
        var owner = job.Metadata.OwnerReferences?.FirstOrDefault(reference => reference.Controller is true && reference.Kind == V1Alpha1ImageBuild.KindName);
        if (owner is null || job.Metadata.Annotations is not { } notes) return null;
        if (!notes.TryGetValue(SlipwayApi.PlatformAnnotation, out var platform) || !notes.TryGetValue(SlipwayApi.BuilderUidAnnotation, out var builderUid)) return null;
        var build = new NamespacedName(job.Metadata.NamespaceProperty, owner.Name);
        var buildKey = job.Metadata.Labels?.TryGetValue(SlipwayApi.BuildKeyLabel, out var key) is true ? key : "";
        return new JobSlot(job.Metadata.Uid, IsLive(job), new HeldSlot(build, owner.Uid, platform, builderUid), SlipwayApi.AttemptOf(notes), buildKey);
    }
}
