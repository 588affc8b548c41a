using k8s.Models;
using Slipway.Api;
using Slipway.Cache;
using Slipway.Kube;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>What a pass does: first the acts in order, then one status patch where the status is another.</summary>
internal sealed record BuildPlan
{
    /// <summary>Platforms that want a builder.</summary>
    public IReadOnlyList<SlotRequest> SlotRequests { get; init; } = [];

    /// <summary>True where the build wants no builder any more.</summary>
    public bool WithdrawSlots { get; init; }

    /// <summary>What Jobs that have just ended tell of builders outside the cluster.</summary>
    public IReadOnlyList<JobOutcome> Outcomes { get; init; } = [];

    /// <summary>Which remote caches this build has read or written, as far as its Jobs tell: the pool's ledger notes it.</summary>
    public IReadOnlyList<CacheUse> CacheUses { get; init; } = [];

    /// <summary>Jobs to delete, with their pods.</summary>
    public IReadOnlyList<BuildJob> Deletes { get; init; } = [];

    /// <summary>What only running Jobs need, and goes before they do.</summary>
    public BuildMaterials MaterialsToDelete { get; init; } = BuildMaterials.None;

    /// <summary>The context of an inline source, made before the first Job.</summary>
    public V1ConfigMap? InlineSource { get; init; }

    /// <summary>Client certificates for the pool's builders, each made before the first Job that needs it.</summary>
    public IReadOnlyList<ClientCertificateRequest> ClientCertificates { get; init; } = [];

    /// <summary>Jobs to create, once each: a POST, never an apply.</summary>
    public IReadOnlyList<V1Job> Creates { get; init; } = [];

    public required ImageBuildStatus Status { get; init; }

    /// <summary>True where a publish Job is among them, which may only be made while no other build puts the same tags.</summary>
    public bool TakesTurn { get; init; }

    /// <summary>True once the build's own time after its end is over.</summary>
    public bool DeleteBuild { get; init; }

    /// <summary>When to look again though nothing has changed; null for never.</summary>
    public TimeSpan? RequeueAfter { get; init; }
}

/// <summary>A client certificate for the builders that trust an authority of the pool; null where they do not say which.</summary>
internal sealed record ClientCertificateRequest(V1Alpha1BuilderPool Pool, string? Authority, NamespacedName Secret, string BuildKey, TimeSpan Lifetime);
