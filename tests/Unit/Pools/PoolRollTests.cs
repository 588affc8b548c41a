using System.Globalization;
using Slipway.Api;
using Slipway.Pki;
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
    public void Useless_WhenOutdatedBuildersNeverGotReady_AreAllOfThem()
    {
        var (snapshot, _) = Outdated(3);
        foreach (var pod in snapshot.Pods.Take(2)) pod.Unready();

        PoolRoll.Useless(snapshot, Platform(snapshot)).Select(builder => builder.Ordinal).ShouldBe([0, 1]);
    }

    [Fact]
    public void Useless_WhenABuildRunsOnIt_LeavesIt()
    {
        var (snapshot, _) = Outdated(2);
        snapshot.Pods[0].Unready();

        PoolRoll.Useless(snapshot.Building((0, 1)), Platform(snapshot)).ShouldBeEmpty();
    }

    [Fact]
    public void Useless_WhenItIsOfTheTemplate_LeavesIt()
    {
        var (snapshot, _) = PoolWorld.Farm(2);
        snapshot.Pods[0].Unready();

        PoolRoll.Useless(snapshot, Platform(snapshot)).ShouldBeEmpty();
    }

    // No client certificate can be made for any of them, so nothing is lost by all of them going at once.
    [Fact]
    public void Useless_WhenThePoolWasRekeyed_AreAllThatAreIdle()
    {
        var (snapshot, _) = Outdated(3);
        snapshot = (snapshot with { Authority = new KnownAuthority("ffffffff", PoolWorld.Now) }).Building((1, 1));

        PoolRoll.Useless(snapshot, Platform(snapshot)).Select(builder => builder.Ordinal).ShouldBe([0, 2]);
        PoolDrain.Of(snapshot, Platform(snapshot)).Drained.ShouldBe([.. Enumerable.Range(0, 3).Select(PoolWorld.UidOf)], ignoreOrder: true);
    }

    // A pod that is made from the old template would come back with the old authority's certificate.
    [Fact]
    public void Useless_WhenThePoolWasRekeyedAndTheTemplateDoesNotShowItYet_AreNone()
    {
        var (snapshot, _) = PoolWorld.Farm(2);

        PoolRoll.Useless(snapshot with { Authority = new KnownAuthority("ffffffff", PoolWorld.Now) }, Platform(snapshot)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(60, 0)]
    [InlineData(30, 2)]
    [InlineData(-60, 2)]
    public void Useless_WhenTheirCertificatesEnd_AreThoseThatLetNoNewBuildIn(int seconds, int expected)
    {
        var (snapshot, _) = Outdated(2);
        foreach (var pod in snapshot.Pods)
            pod.Metadata.Annotations[SlipwayApi.CertificateExpiryAnnotation] = PoolWorld.Now.AddSeconds(seconds).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

        PoolRoll.Useless(snapshot, Platform(snapshot)).Count().ShouldBe(expected);
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
