using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Informers;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>Whether builds should start on a node.</summary>
internal enum NodeState
{
    Good,

    /// <summary>It takes no new pods: somebody is about to empty it.</summary>
    Cordoned,

    /// <summary>It sends its pods away, is not ready, or is gone.</summary>
    Leaving,
}

/// <summary>What pools need to know of nodes.</summary>
internal static class NodeWatch
{
    /// <summary>Index of builder pods: the node that they run on.</summary>
    public const string Index = "node";

    private const string Ready = "Ready";
    private static readonly V1Taint Cordon = new() { Key = "node.kubernetes.io/unschedulable", Effect = "NoSchedule" };

    public static IEnumerable<string> NodeOf(V1Pod pod) =>
        pod.Spec?.NodeName is { Length: > 0 } node && PoolLabels.PoolOf(pod).Any() ? [node] : [];

    /// <summary>Nodes report their images and their state all day, of which a pool needs next to nothing.</summary>
    public static void Trim(V1Node node)
    {
        node.Metadata.Annotations = null;
        node.Spec = new V1NodeSpec { Unschedulable = node.Spec?.Unschedulable, Taints = node.Spec?.Taints };
        node.Status = new V1NodeStatus
        {
            Conditions = node.Status?.Conditions?.Where(condition => condition.Type == Ready)
                .Select(condition => new V1NodeCondition { Type = Ready, Status = condition.Status }).ToList(),
        };
    }

    /// <summary>The pools whose builders run on a node, where it has become another for them.</summary>
    public static Func<V1Node?, V1Node?, IEnumerable<NamespacedName>> PoolsOf(IStore<V1Pod> pods) => (old, now) =>
        IsSame(old, now) ? [] : pods.ByIndex(Index, (now ?? old)!.Metadata.Name).SelectMany(PoolLabels.PoolOf);

    private static bool IsSame(V1Node? one, V1Node? other) =>
        one is not null && other is not null && IsReady(one) == IsReady(other)
        && one.Spec?.Unschedulable == other.Spec?.Unschedulable && Keys(one).SequenceEqual(Keys(other));

    /// <param name="pod">A builder.</param>
    /// <param name="nodes">Those that were looked up; null for one that does not exist.</param>
    public static NodeState StateOf(V1Pod pod, IReadOnlyDictionary<string, V1Node?> nodes)
    {
        if (pod.Spec?.NodeName is not { Length: > 0 } name || !nodes.TryGetValue(name, out var node)) return NodeState.Good;
        if (node is null || !IsReady(node) || Evictions(node).Any(taint => !StaysOn(pod, taint))) return NodeState.Leaving;
        // Whoever tolerates it would be started on the same node again.
        return node.Spec?.Unschedulable == true && !StaysOn(pod, Cordon) ? NodeState.Cordoned : NodeState.Good;
    }

    private static bool IsReady(V1Node node) =>
        node.Status?.Conditions?.Any(condition => condition is { Type: Ready, Status: Conditions.True }) ?? false;

    private static IEnumerable<V1Taint> Evictions(V1Node node) => (node.Spec?.Taints ?? []).Where(taint => taint.Effect == "NoExecute");

    private static IEnumerable<(string, string)> Keys(V1Node node) => Evictions(node).Select(taint => (taint.Key, taint.Value));

    /// <summary>For ever: one that tolerates a taint for some minutes is on its way out all the same.</summary>
    private static bool StaysOn(V1Pod pod, V1Taint taint) => (pod.Spec?.Tolerations ?? []).Any(toleration =>
        (toleration.TolerationSeconds is null || toleration.Effect != "NoExecute")
        && (string.IsNullOrEmpty(toleration.Effect) || toleration.Effect == taint.Effect)
        && (string.IsNullOrEmpty(toleration.Key) || toleration.Key == taint.Key)
        && (toleration.OperatorProperty == "Exists" || (toleration.Value ?? "") == (taint.Value ?? "")));
}
