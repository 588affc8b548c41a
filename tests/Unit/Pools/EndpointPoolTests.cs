using Slipway.Api;
using Slipway.Pools;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Pools;

/// <summary>Platforms whose builders run outside the cluster: the pool makes nothing for them and says how they are.</summary>
public sealed class EndpointPoolTests
{
    private static readonly PoolPlatform Arm64 = new()
    {
        Platform = "linux/arm64",
        Endpoints = [.. new[] { "arm-1", "arm-2" }.Select(host => new PoolEndpoint { Address = $"tcp://{host}:1234", TlsSecretRef = new LocalReference { Name = "client" } })],
    };

    [Fact]
    public void Plan_WhenAPlatformHasEndpoints_MakesNothingForIt()
    {
        var plan = PoolPlanner.Plan(Snapshot(PoolWorld.Pool(Arm64)));

        plan.Objects.ShouldBeEmpty();
        plan.Certificates.ShouldBeEmpty();
        plan.Status.Of("Ready")!.Reason.ShouldBe("AllBuildersReady");
    }

    [Fact]
    public void Plan_WhenPlatformsAreMixed_MakesTheObjectsOfItsOwnAlone() =>
        PoolPlanner.Plan(Snapshot(PoolWorld.Pool(Arm64, PoolWorld.Platform()))).Objects.Select(entity => entity.Metadata.Name)
            .ShouldBe(["farm", "farm-linux-amd64", "farm-linux-amd64-config", "farm-linux-amd64"]);

    [Theory]
    [InlineData(1, 0)]
    [InlineData(0, 1)]
    public void Plan_WhenAPlatformGoesFromReplicasToEndpoints_RetiresItsStatefulSetOnceNoBuildRunsThere(int builds, int retired)
    {
        var before = PoolWorld.Live(PoolWorld.Pool(), PoolWorld.Platform("linux/arm64"));
        var pod = PoolWorld.Pod(before, 0);
        var snapshot = Snapshot(PoolWorld.Pool(Arm64)) with { StatefulSets = [before], Pods = [pod], Queues = PoolWorld.Busy("linux/arm64", pod.Metadata.Uid, builds) };

        PoolPlanner.Plan(snapshot).Dropped.Count.ShouldBe(retired);
    }

    [Fact]
    public void Plan_WhenSomebodyElsesStatefulSetHasTheNameOfAPlatformWithEndpoints_TakesNoNotice()
    {
        var foreign = PoolWorld.Live(PoolWorld.Pool(), PoolWorld.Platform("linux/arm64"));
        foreign.Metadata.OwnerReferences = null;

        PoolPlanner.Plan(Snapshot(PoolWorld.Pool(Arm64)) with { StatefulSets = [foreign] }).Status.Of("Ready")!.Reason.ShouldBe("AllBuildersReady");
    }

    [Fact]
    public void Status_OfEndpoints_ListsThemWithTheirStateAndIsExternal()
    {
        var pool = PoolWorld.Pool(Arm64);
        var snapshot = Snapshot(pool, builder => builder.Ordinal == 1 ? builder with { Ready = false } : builder);
        snapshot = snapshot with { Queues = PoolWorld.Busy("linux/arm64", snapshot.Endpoints(Arm64)[0].Uid, 2, queued: 3) };

        var platform = PoolProgress.Status(snapshot).Platforms.ShouldHaveSingleItem();

        platform.Mode.ShouldBe("External");
        (platform.Desired, platform.Ready, platform.Building, platform.Queued).ShouldBe((2, 1, 2, 3));
        platform.Builders!.Select(builder => (builder.Name, builder.State, builder.Builds)).ShouldBe([("arm-1:1234", "Busy", 2), ("arm-2:1234", "NotReady", 0)]);
        PoolProgress.Status(snapshot).Of("Ready")!.Status.ShouldBe("True", "one of them is enough to build");
    }

    [Fact]
    public void Status_WhenNoEndpointOfAPlatformIsReached_SaysWhichAndWhatToDo()
    {
        var status = PoolProgress.Status(Snapshot(PoolWorld.Pool(Arm64), builder => builder with { Ready = false }));

        status.Of("Reconciling")!.Reason.ShouldBe("EndpointsUnreachable");
        status.Of("Ready")!.Status.ShouldBe("Unknown");
        status.Of("Ready")!.Message.ShouldBe(
            "The last builds for linux/arm64 could not reach arm-1:1234, arm-2:1234. The next builds try again, one at a time. "
            + "See whether buildkitd runs there, and whether build Jobs may connect to it.");
    }

    // Otherwise Ready would come and go with every try, and an event with it.
    [Fact]
    public void Status_WhenAnEndpointIsOnlyTriedAgain_IsStillUnreachable() =>
        PoolProgress.Status(Snapshot(PoolWorld.Pool(Arm64), builder => builder with { Room = 1 })).Of("Reconciling")!.Reason.ShouldBe("EndpointsUnreachable");

    [Fact]
    public void Status_WhenAnotherPlatformCannotStart_SaysThatFirst()
    {
        var status = PoolProgress.Status(Snapshot(PoolWorld.Pool(Arm64, PoolWorld.Platform()), builder => builder with { Ready = false }));

        status.Of("Reconciling")!.Reason.ShouldBe("BuildersStarting");
    }

    private static PoolSnapshot Snapshot(V1Alpha1BuilderPool pool, Func<Builder, Builder>? change = null) => PoolWorld.Snapshot(pool) with
    {
        External = pool.Spec.Platforms.Where(Endpoints.Serve).ToDictionary(
            platform => platform.Platform, platform => (IReadOnlyList<Builder>)[.. Endpoints.Of(pool, platform).Select(change ?? (builder => builder))]),
    };
}
