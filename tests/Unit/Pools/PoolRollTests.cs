using Slipway.Api;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class PoolRollTests
{
    [Fact]
    public void Next_WhenAllAreOfTheTemplate_IsNone()
    {
        var (snapshot, _) = PoolWorld.Farm(3);

        Next(snapshot).ShouldBeNull();
    }

    [Fact]
    public void Next_WhenTheTemplateChanged_IsAnIdleOneThenTheOneWithFewestBuilds()
    {
        var (snapshot, _) = Outdated(3);

        Next(snapshot.Building((0, 2), (1, 1))).ShouldBe(2);
        Next(snapshot.Building((0, 2), (1, 1), (2, 3))).ShouldBe(1);
    }

    [Fact]
    public void Next_WhenOneDrainsAlready_StaysThatOneAlthoughAnotherHasFewerBuilds()
    {
        var (snapshot, _) = Outdated(3);
        snapshot = snapshot.Building((0, 1), (1, 2), (2, 2));
        var status = PoolProgress.Status(snapshot);
        status.Platforms![0].Builders!.Select(builder => builder.State).ShouldBe(["Draining", "Busy", "Busy"]);

        Next((snapshot with { Pool = snapshot.Pool with { Status = status } }).Building((0, 1))).ShouldBe(0);
    }

    [Fact]
    public void Next_WhenTheSuccessorIsNotReadyYet_Waits()
    {
        var (snapshot, set) = Outdated(3);
        var successor = PoolWorld.Pod(set, 0, ready: false);

        Next(snapshot with { Pods = [successor, .. snapshot.Pods.Skip(1)] }).ShouldBeNull();
    }

    [Fact]
    public void Next_WhenAReplacedOneIsStillEnding_Waits()
    {
        var (snapshot, _) = Outdated(3);
        snapshot.Pods[1].Terminate();

        Next(snapshot).ShouldBeNull();
    }

    [Fact]
    public void Next_WhenThePoolHasOneBuilder_IsThatOne()
    {
        var (snapshot, _) = Outdated(1);

        Next(snapshot).ShouldBe(0);
    }

    [Fact]
    public void Next_WhenASurplusBuilderIsOutdated_LeavesItToScaling()
    {
        var (snapshot, _) = PoolWorld.Farm(3, desired: 2);
        snapshot.Pods[2].Outdate();

        Next(snapshot).ShouldBeNull();
    }

    [Fact]
    public void Next_WhenPodsAreOfAnOperatorThatWroteNoHash_IsOneOfThem()
    {
        var (snapshot, _) = PoolWorld.Farm(2);
        foreach (var pod in snapshot.Pods) pod.Metadata.Annotations.Clear();

        Next(snapshot).ShouldBe(0);
    }

    // A broken image never gets ready: waiting for the others would keep the mended one out for ever.
    [Fact]
    public void Broken_WhenOutdatedBuildersNeverGotReady_AreAllOfThem()
    {
        var (snapshot, _) = Outdated(3);
        foreach (var pod in snapshot.Pods.Take(2)) pod.Unready();

        PoolRoll.Broken(snapshot, Platform(snapshot)).Select(builder => builder.Ordinal).ShouldBe([0, 1]);
    }

    [Fact]
    public void Broken_WhenABuildRunsOnIt_LeavesIt()
    {
        var (snapshot, _) = Outdated(2);
        snapshot.Pods[0].Unready();

        PoolRoll.Broken(snapshot.Building((0, 1)), Platform(snapshot)).ShouldBeEmpty();
    }

    [Fact]
    public void Broken_WhenItIsOfTheTemplate_LeavesIt()
    {
        var (snapshot, _) = PoolWorld.Farm(2);
        snapshot.Pods[0].Unready();

        PoolRoll.Broken(snapshot, Platform(snapshot)).ShouldBeEmpty();
    }

    private static (PoolSnapshot Snapshot, k8s.Models.V1StatefulSet Set) Outdated(int builders)
    {
        var (snapshot, set) = PoolWorld.Farm(builders);
        foreach (var pod in snapshot.Pods) pod.Outdate();
        return (snapshot, set);
    }

    private static int? Next(PoolSnapshot snapshot) => PoolRoll.Next(snapshot, Platform(snapshot))?.Ordinal;

    private static PoolPlatform Platform(PoolSnapshot snapshot) => snapshot.Pool.Spec.Platforms[0];
}
