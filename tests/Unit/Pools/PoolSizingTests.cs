using Slipway.Api;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class PoolSizingTests
{
    [Theory]
    [InlineData(0, 1)]
    [InlineData(3, 3)]
    [InlineData(9, 4)]
    public void Desired_WhenTheQueueAsks_StaysBetweenMinAndMax(int asked, int desired)
    {
        var (snapshot, _) = PoolWorld.Farm(0, min: 1, max: 4, desired: asked);

        PoolSizing.Desired(snapshot, Platform(snapshot)).ShouldBe(desired);
    }

    [Fact]
    public void Replicas_WhenMoreAreWanted_RiseAtOnce()
    {
        var (snapshot, _) = PoolWorld.Farm(0, desired: 6);

        PoolSizing.Replicas(snapshot, Platform(snapshot)).ShouldBe(6);
    }

    [Fact]
    public void Replicas_WhenFewerAreWanted_StayUntilTheSchedulerLetsGo()
    {
        var (snapshot, _) = PoolWorld.Farm(4, desired: 1);

        PoolSizing.Replicas(snapshot, Platform(snapshot)).ShouldBe(4);
        PoolSizing.Replicas(snapshot.Retired(3), Platform(snapshot)).ShouldBe(3);
        PoolSizing.Replicas(snapshot.Retired(3, 2, 1), Platform(snapshot)).ShouldBe(1);
    }

    [Fact]
    public void Replicas_WhenTheHighestBuilderIsBusy_KeepItAndAllBelow()
    {
        var (snapshot, _) = PoolWorld.Farm(4, desired: 0);

        PoolSizing.Replicas(snapshot.Retired(0, 1, 2), Platform(snapshot)).ShouldBe(4);
    }

    [Fact]
    public void Replicas_WhenNothingIsWantedAndAllAreLetGo_AreZero()
    {
        var (snapshot, _) = PoolWorld.Farm(2, desired: 0);

        PoolSizing.Replicas(snapshot.Retired(0, 1), Platform(snapshot)).ShouldBe(0);
    }

    [Fact]
    public void Replicas_WhenASurplusPodIsOnItsWayOut_DoNotBringItBack()
    {
        var (snapshot, _) = PoolWorld.Farm(2, desired: 1);
        snapshot.Pods[1].Terminate();

        PoolSizing.Replicas(snapshot, Platform(snapshot)).ShouldBe(1);
    }

    // Between two StatefulSets its pods belong to nobody, and the second one would remove what its replicas leave out.
    [Fact]
    public void Replicas_WhenTheStatefulSetIsGoneAndItsPodsWaitForAnother_CountThem()
    {
        var (snapshot, _) = PoolWorld.Farm(3, desired: 1);
        foreach (var pod in snapshot.Pods) pod.Metadata.OwnerReferences = null;

        PoolSizing.Replicas(snapshot with { StatefulSets = [] }, Platform(snapshot)).ShouldBe(3);
    }

    [Fact]
    public void Replicas_WhenAPodOfAnotherPlatformHasAHigherOrdinal_DoNotCountIt()
    {
        var (snapshot, _) = PoolWorld.Farm(1);
        var other = PoolWorld.Live(snapshot.Pool, PoolWorld.Platform("linux/arm64"));

        PoolSizing.Replicas(snapshot with { Pods = [.. snapshot.Pods, PoolWorld.Pod(other, 7)] }, Platform(snapshot)).ShouldBe(1);
    }

    [Fact]
    public void Surplus_WhenFewerAreWanted_GoesFromTheHighestOrdinalDown()
    {
        var (snapshot, _) = PoolWorld.Farm(11, desired: 8);

        PoolSizing.Surplus(snapshot, Platform(snapshot)).Select(builder => builder.Ordinal).ShouldBe([10, 9, 8]);
    }

    private static PoolPlatform Platform(PoolSnapshot snapshot) => snapshot.Pool.Spec.Platforms[0];
}
