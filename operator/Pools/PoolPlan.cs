using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Pools;

/// <summary>What a pass does, in this order: certificates, objects, what is retired, status.</summary>
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

    /// <summary>StatefulSets of platforms that the pool no longer has and no build runs on; each with its Service and ConfigMap.</summary>
    public IReadOnlyList<V1StatefulSet> Retired { get; init; } = [];

    public required BuilderPoolStatus Status { get; init; }

    /// <summary>When to look again although nothing has changed.</summary>
    public TimeSpan? LookAgainAfter { get; init; }
}
