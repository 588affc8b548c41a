using k8s.Models;
using Slipway.Kube;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class NodeWatchTests
{
    private static readonly V1Taint Evicting = new() { Key = "maintenance", Value = "soon", Effect = "NoExecute" };

    [Fact]
    public void StateOf_WhenNodeIsReady_IsGood() => StateOf(PoolWorld.Node()).ShouldBe(NodeState.Good);

    [Fact]
    public void StateOf_WhenNodeIsCordoned_IsCordoned() => StateOf(PoolWorld.Node(cordoned: true)).ShouldBe(NodeState.Cordoned);

    [Fact]
    public void StateOf_WhenNodeIsNotReadyOrGone_IsLeaving()
    {
        StateOf(PoolWorld.Node(ready: false)).ShouldBe(NodeState.Leaving);
        StateOf(null).ShouldBe(NodeState.Leaving);
    }

    [Fact]
    public void StateOf_WhenPodHasNoNodeYet_IsGood()
    {
        var pod = Pod();
        pod.Spec.NodeName = null;

        NodeWatch.StateOf(pod, new Dictionary<string, V1Node?>()).ShouldBe(NodeState.Good);
    }

    [Fact]
    public void StateOf_WhenNodeEvictsButTakesBuildersForEver_IsGood()
    {
        var node = PoolWorld.Node(taints: Evicting);

        StateOf(node).ShouldBe(NodeState.Leaving);
        StateOf(node, new V1Toleration { Key = "maintenance", OperatorProperty = "Exists", Effect = "NoExecute" }).ShouldBe(NodeState.Good);
        StateOf(node, new V1Toleration { Key = "maintenance", Value = "soon" }).ShouldBe(NodeState.Good);
        StateOf(node, new V1Toleration { Key = "maintenance", Value = "later" }).ShouldBe(NodeState.Leaving);
        StateOf(node, new V1Toleration { OperatorProperty = "Exists" }).ShouldBe(NodeState.Good);
    }

    [Fact]
    public void StateOf_WhenEvictionIsOnlyPutOff_IsLeaving() =>
        StateOf(PoolWorld.Node(taints: Evicting), new V1Toleration { Key = "maintenance", OperatorProperty = "Exists", Effect = "NoExecute", TolerationSeconds = 300 })
            .ShouldBe(NodeState.Leaving);

    // It would be started on the same node again, and again.
    [Fact]
    public void StateOf_WhenBuildersTolerateTheCordon_IsGood() =>
        StateOf(PoolWorld.Node(cordoned: true), new V1Toleration { Key = "node.kubernetes.io/unschedulable", OperatorProperty = "Exists" })
            .ShouldBe(NodeState.Good);

    [Fact]
    public void Trim_WhenNodeReports_KeepsNoMoreThanIsAskedFor()
    {
        var node = PoolWorld.Node(cordoned: true, taints: Evicting);
        node.Metadata.Annotations = new Dictionary<string, string> { ["volumes"] = "attached" };
        node.Spec.PodCIDR = "198.18.0.0/24";
        node.Status.Images = [new V1ContainerImage { Names = ["a"] }];
        node.Status.Conditions = [.. node.Status.Conditions, new V1NodeCondition { Type = "DiskPressure", Status = "False" }];

        NodeWatch.Trim(node);

        StateOf(node).ShouldBe(NodeState.Leaving);
        node.Spec.ShouldBe(new V1NodeSpec { Unschedulable = true, Taints = node.Spec.Taints });
        node.Metadata.Annotations.ShouldBeNull();
        node.Status.Images.ShouldBeNull();
        node.Status.Conditions.ShouldHaveSingleItem().Type.ShouldBe("Ready");
    }

    [Requirement("R10")]
    [Fact]
    public void PoolsOf_WhenNothingThatMattersChanged_WakesNobody()
    {
        var before = PoolWorld.Node(taints: [Evicting, new V1Taint { Key = "dedicated", Effect = "NoSchedule" }]);
        var after = PoolWorld.Node(taints: Evicting);
        after.Metadata.Labels = new Dictionary<string, string> { ["heartbeat"] = "2" };

        PoolsOf(before, after).ShouldBeEmpty();
    }

    [Requirement("R10")]
    [Fact]
    public void PoolsOf_WhenANodeChangesOrGoes_WakesThePoolsOfItsBuilders()
    {
        NamespacedName[] farm = [new("builders", "farm")];

        PoolsOf(PoolWorld.Node(), PoolWorld.Node(cordoned: true)).ShouldBe(farm);
        PoolsOf(PoolWorld.Node(), PoolWorld.Node(ready: false)).ShouldBe(farm);
        PoolsOf(PoolWorld.Node(), PoolWorld.Node(taints: Evicting)).ShouldBe(farm);
        PoolsOf(PoolWorld.Node(), null).ShouldBe(farm);
        PoolsOf(null, PoolWorld.Node()).ShouldBe(farm);
        PoolsOf(PoolWorld.Node("node-2"), null).ShouldBeEmpty();
    }

    private static IEnumerable<NamespacedName> PoolsOf(V1Node? old, V1Node? now)
    {
        var cluster = new FakeCluster();
        cluster.Put(Pod());
        return NodeWatch.PoolsOf(new FakeStore<V1Pod>(cluster, keys: NodeWatch.NodeOf))(old, now);
    }

    private static NodeState StateOf(V1Node? node, params V1Toleration[] tolerations)
    {
        var pod = Pod();
        pod.Spec.Tolerations = tolerations;
        return NodeWatch.StateOf(pod, new Dictionary<string, V1Node?> { ["node-1"] = node });
    }

    private static V1Pod Pod() => PoolWorld.Farm(1).Snapshot.Pods[0];
}
