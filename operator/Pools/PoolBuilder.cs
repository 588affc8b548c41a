using k8s.Models;
using Slipway.Api;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>One builder of a pool as its pod, its node and the scheduler show it.</summary>
internal sealed record PoolBuilder(V1Pod Pod, Builder Builder)
{
    public string Uid => Builder.Uid;

    public int Ordinal => Builder.Ordinal;

    /// <summary>Its pod is on its way out already.</summary>
    public bool Terminating => Pod.Metadata.DeletionTimestamp is not null;

    public int Builds { get; init; }

    /// <summary>It takes no build any more, for good.</summary>
    public bool Retired { get; init; }

    /// <summary>Its pod was made from another template than the StatefulSet has now.</summary>
    public bool Outdated { get; init; }

    public NodeState Node { get; init; }

    /// <summary>Another authority than the pool's signed its certificate, so no client can be made for it any more.</summary>
    public bool Rekeyed { get; init; }

    /// <summary>Its certificate lets no new build in.</summary>
    public bool Expired { get; init; }

    /// <summary>The builders of a platform by ordinal, those by owner: anybody who may create pods in the namespace can label one.</summary>
    public static IReadOnlyList<PoolBuilder> Of(PoolSnapshot snapshot, PoolPlatform platform) =>
        snapshot.StatefulSet(PoolObjects.Name(snapshot.Pool, platform)) is not { } set || !snapshot.Owns(set.Metadata) ? [] :
        [.. Named(snapshot, platform).Where(builder => IsOf(set, builder.Pod))];

    /// <summary>
    /// Also those whose StatefulSet was deleted for another to take them over, as that will go by their labels and names. They count
    /// where a pod could be lost.
    /// </summary>
    public static IReadOnlyList<PoolBuilder> Named(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var name = PoolObjects.Name(snapshot.Pool, platform);
        var template = TemplateHash(snapshot.StatefulSet(name)?.Spec?.Template?.Metadata);
        var queue = snapshot.Queue(platform.Platform);
        var rekeyed = PoolCertificates.StaleAuthority(snapshot);
        return [.. snapshot.Pods.Select(pod => new PoolBuilder(pod, Builder.From(pod, name)))
            .Where(builder => builder.Pod.Metadata.Name == ChildNames.BuilderPod(name, builder.Ordinal))
            .Select(builder => builder with
            {
                Builds = queue.Builds.GetValueOrDefault(builder.Uid),
                Retired = queue.Retired.Contains(builder.Uid),
                Outdated = template is not null && TemplateHash(builder.Pod.Metadata) != template,
                Node = NodeWatch.StateOf(builder.Pod, snapshot.Nodes),
                Rekeyed = rekeyed.Contains(builder.Uid),
                Expired = builder.Builder.EndsBy(snapshot.Now),
            })
            .OrderBy(builder => builder.Ordinal)];
    }

    public static bool IsOf(V1StatefulSet set, V1Pod pod) =>
        pod.Metadata.OwnerReferences?.Any(owner => owner.Controller == true && owner.Uid == set.Metadata.Uid) ?? false;

    private static string? TemplateHash(V1ObjectMeta? metadata) =>
        metadata?.Annotations is { } annotations && annotations.TryGetValue(SlipwayApi.TemplateHashAnnotation, out var hash) ? hash : null;
}
