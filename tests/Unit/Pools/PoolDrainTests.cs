using k8s.Models;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class PoolDrainTests
{
    [Fact]
    public void Of_WhenAllIsWell_AsksForNothing()
    {
        var drain = Of(PoolWorld.Farm(3).Snapshot);

        drain.Drained.ShouldBeEmpty();
        drain.Surplus.ShouldBeEmpty();
        drain.Replaced.ShouldBeEmpty();
    }

    [Fact]
    public void Of_WhenANodeIsCordoned_DrainsItsBuildersAndReplacesTheIdleOnes()
    {
        var snapshot = On(PoolWorld.Node(cordoned: true)).Building((0, 1));

        Of(snapshot).Drained.ShouldBe([PoolWorld.UidOf(0), PoolWorld.UidOf(1)], ignoreOrder: true);
        Of(snapshot).Replaced.ShouldBe([PoolWorld.UidOf(1)]);
    }

    [Fact]
    public void Of_WhenTheReplacedBuilderIsPending_DoesNotAskForItAgain()
    {
        var snapshot = On(PoolWorld.Node(cordoned: true));
        foreach (var pod in snapshot.Pods) (pod.Spec.NodeName, pod.Status) = (null!, new V1PodStatus());

        Of(snapshot).Replaced.ShouldBeEmpty();
    }

    [Fact]
    public void Of_WhenANodeIsGone_DrainsItsBuilders()
    {
        var drain = Of(On(null));

        drain.Drained.Count.ShouldBe(2);
        drain.Replaced.ShouldBeEmpty();
    }

    [Fact]
    public void Of_WhenTheTemplateChanged_DrainsOneAndReplacesItOnceItIsIdle()
    {
        var snapshot = PoolWorld.Farm(2).Snapshot;
        foreach (var pod in snapshot.Pods) pod.Outdate();

        Of(snapshot.Building((0, 1), (1, 1))).Drained.ShouldBe([PoolWorld.UidOf(0)]);
        Of(snapshot.Building((0, 1), (1, 1))).Replaced.ShouldBeEmpty();
        Of(snapshot.Building((1, 1))).Replaced.ShouldBe([PoolWorld.UidOf(0)]);
    }

    private static PoolSnapshot On(V1Node? node) =>
        PoolWorld.Farm(2).Snapshot with { Nodes = new Dictionary<string, V1Node?> { ["node-1"] = node } };

    private static PoolDrain Of(PoolSnapshot snapshot) => PoolDrain.Of(snapshot, snapshot.Pool.Spec.Platforms[0]);
}
