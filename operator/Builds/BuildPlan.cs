using k8s.Models;
using Slipway.Api;
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

    /// <summary>Jobs to delete, with their pods.</summary>
    public IReadOnlyList<BuildJob> Deletes { get; init; } = [];

    /// <summary>What only running Jobs need, and goes before they do.</summary>
    public IReadOnlyList<BuildMaterials> MaterialsToDelete { get; init; } = [];

    /// <summary>The context of an inline source, made before the first Job.</summary>
    public V1ConfigMap? InlineSource { get; init; }

    /// <summary>A client certificate for the pool's builders, made before the first Job that needs it.</summary>
    public ClientCertificateRequest? ClientCertificate { get; init; }

    /// <summary>Jobs to create, once each: a POST, never an apply.</summary>
    public IReadOnlyList<V1Job> Creates { get; init; } = [];

    public required ImageBuildStatus Status { get; init; }

    /// <summary>When to look again though nothing has changed; null for never.</summary>
    public TimeSpan? RequeueAfter { get; init; }
}

/// <summary>What was made for the Jobs of a buildKey alone.</summary>
internal sealed record BuildMaterials(string BuildKey, bool ClientCertificate, bool InlineSource)
{
    /// <summary>By what the Jobs mount; the names follow from the key, since what a Job says may be anybody's word.</summary>
    public static IReadOnlyList<BuildMaterials> Of(IEnumerable<BuildJob> jobs) =>
    [
        .. from job in jobs
           where job.BuildKey is not null
           group job by job.BuildKey into same
           orderby same.Key
           select new BuildMaterials(same.Key, same.Any(job => job.Mounts(BuildObjects.CertificateVolume)), same.Any(job => job.Mounts(BuildObjects.SourceVolume))),
    ];
}

internal sealed record ClientCertificateRequest(V1Alpha1BuilderPool Pool, NamespacedName Secret, string BuildKey, TimeSpan Lifetime);
