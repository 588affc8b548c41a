using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Pools;

/// <summary>What a pass does, in this order: volumes, certificates, objects, builders to replace, what is dropped, status.</summary>
internal sealed record PoolPlan
{
    /// <summary>The pool has no authority: it is made first, and then planned for anew.</summary>
    public bool NeedsAuthority { get; init; }

    /// <summary>Earlier certificates that no builder mounts, to delete before the objects that remember them.</summary>
    public IReadOnlyList<NamespacedName> UnusedCertificates { get; init; } = [];

    /// <summary>To issue before the objects that mount them.</summary>
    public IReadOnlyList<CertificateOrder> Certificates { get; init; } = [];

    /// <summary>To apply, in this order.</summary>
    public IReadOnlyList<IKubernetesObject<V1ObjectMeta>> Objects { get; init; } = [];

    /// <summary>Before the objects: a StatefulSet makes no volume larger that is there already.</summary>
    public IReadOnlyList<VolumeGrowth> Growths { get; init; } = [];

    /// <summary>StatefulSets that are to make room for others without their pods, which those take over.</summary>
    public IReadOnlyList<V1StatefulSet> Orphaned { get; init; } = [];

    /// <summary>Builders that are to come back as other pods: no build runs on them, and they take none any more.</summary>
    public IReadOnlyList<V1Pod> Replaced { get; init; } = [];

    /// <summary>StatefulSets of platforms that the pool no longer has and no build runs on; each with its Service and ConfigMap.</summary>
    public IReadOnlyList<V1StatefulSet> Dropped { get; init; } = [];

    /// <summary>What the scheduler is asked for before all that. Whom it lets go of then, the next plan can act upon.</summary>
    public IReadOnlyList<PoolDrain> Drains { get; init; } = [];

    /// <summary>The pool's NetworkPolicy, where it shall have none any more.</summary>
    public V1NetworkPolicy? DroppedPolicy { get; init; }

    /// <summary>What is to be done about the pool's cache, beside its builders.</summary>
    public ExpiryPlan Expiry { get; init; } = ExpiryPlan.None;

    public required BuilderPoolStatus Status { get; init; }

    /// <summary>When to look again although nothing has changed.</summary>
    public TimeSpan? LookAgainAfter { get; init; }
}
