using k8s.Models;
using Slipway.Api;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class PoolPlannerTests
{
    [Requirement("R18")]
    [Fact]
    public void Plan_WhenPoolIsNew_MakesEverythingInOrder()
    {
        var pool = PoolWorld.Pool(PoolWorld.Platform("linux/arm64"), PoolWorld.Platform());

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(pool));

        plan.Objects.Select(entity => $"{entity.Kind} {entity.Metadata.Name}").ShouldBe(
        [
            "NetworkPolicy farm",
            "Service farm-linux-amd64", "ConfigMap farm-linux-amd64-config", "StatefulSet farm-linux-amd64",
            "Service farm-linux-arm64", "ConfigMap farm-linux-arm64-config", "StatefulSet farm-linux-arm64",
        ]);
        plan.Certificates.Select(order => order.DnsName).ShouldBe(["*.farm-linux-amd64.builders.svc", "*.farm-linux-arm64.builders.svc"]);
        plan.Status.Of("Reconciling")!.Status.ShouldBe("True");
        plan.Status.Of("Ready")!.Status.ShouldBe("Unknown");
        plan.Status.ObservedGeneration.ShouldBe(3);
    }

    [Fact]
    public void Plan_WhenCalledTwice_IsTheSame()
    {
        var snapshot = PoolWorld.Snapshot(PoolWorld.Pool());

        GoldenFiles.Yaml(PoolPlanner.Plan(snapshot).Objects).ShouldBe(GoldenFiles.Yaml(PoolPlanner.Plan(snapshot).Objects));
        PoolPlanner.Plan(snapshot).Certificates.ShouldBe(PoolPlanner.Plan(snapshot).Certificates);
    }

    [Fact]
    public void Plan_WhenSpecIsInvalid_StallsAndTouchesNothing()
    {
        var snapshot = PoolWorld.Snapshot(PoolWorld.Pool(new PoolPlatform { Platform = "no platform" })) with { Errors = ["platforms[0] is none.", "image has spaces."] };

        var plan = PoolPlanner.Plan(snapshot);

        ShouldTouchNothing(plan);
        Stalled(plan).ShouldBe(("Invalid", "platforms[0] is none. image has spaces."));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("another-uid")]
    public void Plan_WhenForeignObjectHasTheName_StallsAndTouchesNothing(string? owner)
    {
        var pool = PoolWorld.Pool();
        var foreign = PoolWorld.Live(pool, pool.Spec.Platforms[0]);
        foreign.Metadata.OwnerReferences = owner is null ? null
            : [new V1OwnerReference { ApiVersion = "apps/v1", Kind = "Deployment", Name = "farm", Uid = owner, Controller = true }];

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [foreign] });

        ShouldTouchNothing(plan);
        Stalled(plan).Reason.ShouldBe("NameTaken");
        Stalled(plan).Message.ShouldStartWith("StatefulSet farm-linux-amd64 exists and does not belong to this pool.");
        plan.LookAgainAfter.ShouldBe(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void Plan_WhenOwnerReferenceIsNotTheController_IsNotOurs()
    {
        var pool = PoolWorld.Pool();
        var foreign = PoolWorld.Live(pool, pool.Spec.Platforms[0]);
        foreign.Metadata.OwnerReferences[0].Controller = null;

        Stalled(PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [foreign] })).Reason.ShouldBe("NameTaken");
    }

    [Fact]
    public void Plan_WhenForeignServiceHasTheName_StallsAndTouchesNothing()
    {
        var foreign = new V1Service { Kind = "Service", Metadata = new V1ObjectMeta { Name = "farm-linux-amd64", NamespaceProperty = "builders" } };

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(PoolWorld.Pool()) with { Foreign = [foreign] });

        ShouldTouchNothing(plan);
        Stalled(plan).Message.ShouldStartWith("Service farm-linux-amd64 exists");
    }

    [Fact]
    public void Plan_WhenFormerPoolOfThatNameIsGoing_WaitsInsteadOfStalling()
    {
        var pool = PoolWorld.Pool();
        var leftover = PoolWorld.Live(pool, pool.Spec.Platforms[0]);
        leftover.Metadata.OwnerReferences[0].Uid = "uid-of-the-former-pool";

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [leftover] });

        ShouldTouchNothing(plan);
        plan.Status.Of("Reconciling")!.Reason.ShouldBe("LeftoversGoing");
        plan.Status.Of("Stalled").ShouldBeNull();
        plan.LookAgainAfter.ShouldNotBeNull();
    }

    [Requirement("R17")]
    [Theory]
    [InlineData("60Gi", null, "50Gi", null)]
    [InlineData("50Gi", "fast", "60Gi", "slow")]
    [InlineData("50Gi", "fast", "50Gi", "slow")]
    [InlineData(null, null, "50Gi", null)]
    [InlineData("50Gi", null, null, null)]
    public void Plan_WhenStorageChanges_StallsAndTouchesNothing(string? before, string? classBefore, string? now, string? classNow)
    {
        var pool = PoolWorld.Pool(PoolWorld.Platform(size: now, storageClass: classNow));
        var live = PoolWorld.Live(pool, PoolWorld.Platform(size: before, storageClass: classBefore));

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [live] });

        ShouldTouchNothing(plan);
        Stalled(plan).Reason.ShouldBe("StorageImmutable");
    }

    [Fact]
    public void Plan_WhenStorageIsWrittenAnotherWay_GoesOn()
    {
        var pool = PoolWorld.Pool(PoolWorld.Platform(size: "1024Mi"));
        var live = PoolWorld.Live(pool, PoolWorld.Platform(size: "1Gi"));

        PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [live] }).Objects.ShouldNotBeEmpty();
    }

    [Fact]
    public void Plan_WhenCertificateIsGood_KeepsIt()
    {
        var pool = PoolWorld.Pool();
        var live = PoolWorld.Live(pool, pool.Spec.Platforms[0]);

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [live] });

        plan.Certificates.ShouldBeEmpty();
        plan.Objects.OfType<V1StatefulSet>().Single().Metadata.Annotations[SlipwayApi.CertificateSerialAnnotation].ShouldBe(PoolWorld.Certificate.Serial);
    }

    [Fact]
    public void Plan_WhenCertificateNearsItsEnd_OrdersAnotherWhoseNameFollowsFromTheOld()
    {
        var pool = PoolWorld.Pool();
        var live = PoolWorld.Live(pool, pool.Spec.Platforms[0]);
        var snapshot = PoolWorld.Snapshot(pool) with { StatefulSets = [live], Now = PoolWorld.Certificate.Expires - (PoolOptions.DefaultServerCertificateLifetime / 3) };

        var order = PoolPlanner.Plan(snapshot).Certificates.ShouldHaveSingleItem();
        var again = PoolPlanner.Plan(snapshot with { Now = snapshot.Now.AddMinutes(5) }).Certificates.ShouldHaveSingleItem();

        order.Certificate.Serial.ShouldNotBe(PoolWorld.Certificate.Serial);
        again.Secret.ShouldBe(order.Secret, "a pass after an interrupted one must find what that one left");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Plan_WhenPlatformLeavesThePool_DropsItOnceItIsIdle(int builds)
    {
        var pool = PoolWorld.Pool();
        var old = PoolWorld.Live(pool, PoolWorld.Platform("linux/arm64"));
        var pod = PoolWorld.Pod(old, 0);

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(pool) with
        {
            StatefulSets = [old],
            Pods = [pod],
            Queues = PoolWorld.Busy("linux/arm64", pod.Metadata.Uid, builds),
        });

        plan.Dropped.Count.ShouldBe(builds == 0 ? 1 : 0);
        (plan.LookAgainAfter <= TimeSpan.FromSeconds(30)).ShouldBe(builds > 0);
    }

    [Fact]
    public void Plan_WhenForeignStatefulSetMerelyHasOurLabels_IsNotDropped()
    {
        var pool = PoolWorld.Pool();
        var foreign = PoolWorld.Live(pool, PoolWorld.Platform("linux/arm64"));
        foreign.Metadata.OwnerReferences = null;

        PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [foreign] }).Dropped.ShouldBeEmpty();
    }

    [Requirement("R17")]
    [Fact]
    public void Plan_WhenStorageGrows_GrowsTheClaimsAndMakesRoomForAnotherStatefulSet()
    {
        var pool = PoolWorld.Pool(PoolWorld.Platform(size: "60Gi") with { Replicas = new PoolReplicas { Min = 1, Max = 2 } });
        var live = PoolWorld.Live(pool, PoolWorld.Platform(size: "50Gi"));

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [live] });

        plan.Growths.Select(growth => $"{growth.Claim} {growth.Size}")
            .ShouldBe(["builders/state-farm-linux-amd64-0 60Gi", "builders/state-farm-linux-amd64-1 60Gi"], "of builders that are not there, too");
        plan.Orphaned.ShouldBe([live]);
        plan.Objects.ShouldNotContain(entity => entity is V1StatefulSet);
    }

    [Fact]
    public void Plan_WhenTheServerLetsNoVolumeGrow_StallsWithWhatItSaid()
    {
        var pool = PoolWorld.Pool(PoolWorld.Platform(size: "60Gi"));
        var live = PoolWorld.Live(pool, PoolWorld.Platform(size: "50Gi"));

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [live], GrowthRefused = "the class forbids it." });

        ShouldTouchNothing(plan);
        Stalled(plan).Message.ShouldContain("the class forbids it.");
    }

    [Requirement("R17")]
    [Theory]
    [InlineData("serviceName")]
    [InlineData("policy")]
    [InlineData("selector")]
    [InlineData("claim")]
    public void Plan_WhenWhatCannotBePatchedDiffers_OrphansThePodsForAnotherStatefulSet(string field)
    {
        var pool = PoolWorld.Pool(PoolWorld.Platform(size: "50Gi"));
        var live = PoolWorld.Live(pool, pool.Spec.Platforms[0]);
        if (field == "serviceName") live.Spec.ServiceName = "older";
        if (field == "policy") live.Spec.PodManagementPolicy = "OrderedReady";
        if (field == "selector") live.Spec.Selector.MatchLabels = new Dictionary<string, string> { ["older"] = "yes" };
        if (field == "claim") live.Spec.VolumeClaimTemplates[0].Metadata.Name = "older";

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [live] });

        plan.Orphaned.ShouldBe([live]);
        plan.Growths.ShouldBeEmpty();
        plan.Objects.Select(entity => entity.Kind).ShouldBe(["NetworkPolicy", "Service", "ConfigMap"]);
    }

    [Fact]
    public void Plan_WhenTheStatefulSetIsOnItsWayOut_WaitsForItsEnd()
    {
        var pool = PoolWorld.Pool();
        var live = PoolWorld.Live(pool, pool.Spec.Platforms[0]);
        live.Metadata.DeletionTimestamp = PoolWorld.Now.UtcDateTime;

        var plan = PoolPlanner.Plan(PoolWorld.Snapshot(pool) with { StatefulSets = [live] });

        plan.Orphaned.ShouldBeEmpty();
        plan.Objects.ShouldNotContain(entity => entity is V1StatefulSet);
    }

    private static void ShouldTouchNothing(PoolPlan plan)
    {
        plan.Objects.ShouldBeEmpty();
        plan.Certificates.ShouldBeEmpty();
        plan.Dropped.ShouldBeEmpty();
        plan.Growths.ShouldBeEmpty();
        plan.Orphaned.ShouldBeEmpty();
    }

    private static (string Reason, string Message) Stalled(PoolPlan plan)
    {
        plan.Status.Of("Ready")!.Status.ShouldBe("False");
        plan.Status.Of("Reconciling").ShouldBeNull();
        var condition = plan.Status.Of("Stalled").ShouldNotBeNull();
        condition.Status.ShouldBe("True");
        condition.ObservedGeneration.ShouldBe(3);
        return (condition.Reason, condition.Message);
    }
}
