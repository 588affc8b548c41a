using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Pki;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>A pool and all that there is of it at one moment.</summary>
internal sealed record PoolSnapshot
{
    public required V1Alpha1BuilderPool Pool { get; init; }

    public required PoolOptions Options { get; init; }

    public required DateTimeOffset Now { get; init; }

    /// <summary>The pool's certificate authority; null where there is none.</summary>
    public KnownAuthority? Authority { get; init; }

    /// <summary>What is wrong with the spec.</summary>
    public IReadOnlyList<string> Errors { get; init; } = [];

    /// <summary>The StatefulSets that carry the pool's label, and those that merely have a name the pool needs.</summary>
    public IReadOnlyList<V1StatefulSet> StatefulSets { get; init; } = [];

    /// <summary>Certificates just issued, by StatefulSet, that <see cref="StatefulSets"/> does not show yet.</summary>
    public IReadOnlyDictionary<string, ServerCertificate> Issued { get; init; } = new Dictionary<string, ServerCertificate>();

    /// <summary>The pool's NetworkPolicy as it is there.</summary>
    public V1NetworkPolicy? NetworkPolicy { get; init; }

    /// <summary>The addresses that the API server listens on; none while they are not known.</summary>
    public IReadOnlyList<string> ApiServer { get; init; } = [];

    /// <summary>Objects other than StatefulSets that have a name the pool needs and that are not its own.</summary>
    public IReadOnlyList<IKubernetesObject<V1ObjectMeta>> Foreign { get; init; } = [];

    /// <summary>What the API server said when a volume was to grow; null where it took all.</summary>
    public string? GrowthRefused { get; init; }

    public IReadOnlyList<V1Pod> Pods { get; init; } = [];

    /// <summary>How the expiry of the pool's cache stands; null where nobody has looked.</summary>
    public ExpirySnapshot? Expiry { get; init; }

    /// <summary>By platform as users write it.</summary>
    public IReadOnlyDictionary<string, QueueCount> Queues { get; init; } = new Dictionary<string, QueueCount>();

    /// <summary>Builders outside the cluster, by platform as users write it.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<Builder>> External { get; init; } = new Dictionary<string, IReadOnlyList<Builder>>();

    /// <summary>Platforms whose builders the pool makes itself.</summary>
    public IEnumerable<PoolPlatform> OwnPlatforms => Pool.Spec.Platforms.Where(platform => !Scheduling.Endpoints.Serve(platform));

    public IReadOnlyList<Builder> Endpoints(PoolPlatform platform) => External.TryGetValue(platform.Platform, out var builders) ? builders : [];

    /// <summary>The nodes that builders run on, by name; null for one that is gone.</summary>
    public IReadOnlyDictionary<string, V1Node?> Nodes { get; init; } = new Dictionary<string, V1Node?>();

    public V1StatefulSet? StatefulSet(string name) => StatefulSets.FirstOrDefault(set => set.Metadata.Name == name);

    public QueueCount Queue(string platform) => Queues.TryGetValue(platform, out var count) ? count : QueueCount.None;

    public bool Owns(V1ObjectMeta metadata) =>
        metadata.OwnerReferences?.Any(owner => owner.Controller == true && owner.Uid == Pool.Metadata.Uid) ?? false;
}
