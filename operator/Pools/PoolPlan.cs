using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Pools;

/// <summary>What a pass does, in this order: certificates, objects, what is retired, status.</summary>
internal sealed record PoolPlan
{
    /// <summary>To issue before the objects that mount them.</summary>
    public IReadOnlyList<CertificateOrder> Certificates { get; init; } = [];

    /// <summary>To apply, in this order.</summary>
    public IReadOnlyList<IKubernetesObject<V1ObjectMeta>> Objects { get; init; } = [];

    /// <summary>StatefulSets of platforms that the pool no longer has and no build runs on; each with its Service and ConfigMap.</summary>
    public IReadOnlyList<V1StatefulSet> Retired { get; init; } = [];

    /// <summary>The pool's NetworkPolicy, where it shall have none any more.</summary>
    public V1NetworkPolicy? RetiredPolicy { get; init; }

    public required BuilderPoolStatus Status { get; init; }

    /// <summary>When to look again although nothing has changed.</summary>
    public TimeSpan? LookAgainAfter { get; init; }
}

/// <summary>A server certificate for the builders of one StatefulSet.</summary>
internal sealed record CertificateOrder(NamespacedName Secret, string DnsName, ServerCertificate Certificate);

/// <summary>Which certificate the builders of a StatefulSet show: its serial names the Secret.</summary>
internal sealed record ServerCertificate(string Serial, DateTimeOffset Expires);
