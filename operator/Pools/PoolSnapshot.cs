using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>A pool and all that there is of it at one moment.</summary>
internal sealed record PoolSnapshot
{
    public required V1Alpha1BuilderPool Pool { get; init; }

    public required PoolOptions Options { get; init; }

    public required DateTimeOffset Now { get; init; }

    /// <summary>What is wrong with the spec.</summary>
    public IReadOnlyList<string> Errors { get; init; } = [];

    /// <summary>The StatefulSets that carry the pool's label, and those that merely have a name the pool needs.</summary>
    public IReadOnlyList<V1StatefulSet> StatefulSets { get; init; } = [];

    /// <summary>The pool's NetworkPolicy as it is there.</summary>
    public V1NetworkPolicy? NetworkPolicy { get; init; }

    /// <summary>The addresses that the API server listens on; none while they are not known.</summary>
    public IReadOnlyList<string> ApiServer { get; init; } = [];

    /// <summary>Objects other than StatefulSets that have a name the pool needs and that are not its own.</summary>
    public IReadOnlyList<IKubernetesObject<V1ObjectMeta>> Foreign { get; init; } = [];

    public IReadOnlyList<V1Pod> Pods { get; init; } = [];

    /// <summary>By platform as users write it.</summary>
    public IReadOnlyDictionary<string, QueueCount> Queues { get; init; } = new Dictionary<string, QueueCount>();

    public V1StatefulSet? StatefulSet(string name) => StatefulSets.FirstOrDefault(set => set.Metadata.Name == name);

    public QueueCount Queue(string platform) => Queues.TryGetValue(platform, out var count) ? count : QueueCount.None;

    public bool Owns(V1ObjectMeta metadata) =>
        metadata.OwnerReferences?.Any(owner => owner.Controller == true && owner.Uid == Pool.Metadata.Uid) ?? false;
}
