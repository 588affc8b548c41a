using Slipway.Runner;

namespace Slipway.Tests.E2E.Farm;

/// <summary>A builder's pod goes in the middle of a build.</summary>
public sealed class LossTests(ClusterFixture fixture)
{
    [Fact]
    public async Task BuilderPodDeleted_WhileBuilding_IsWaitedFor()
    {
        await using var evidence = new Evidence(nameof(BuilderPodDeleted_WhileBuilding_IsWaitedFor));
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 1, slots: 2));
        await farm.CreateAsync(farm.Sleeping("app", 20));
        var job = await farm.InTheStepAsync("app");

        evidence.Add("kubectl delete pod", await fixture.Cluster.KubectlAsync("--namespace", farm.Pool.Namespace, "delete", "pod", job.Builder, "--wait=false"));
        await farm.SucceedsAsync("app");
        await farm.PoolAsync("served by another pod of that name", _ => farm.Builders.Lives().Any(pod => pod.Uid != job.BuilderUid && pod.Ready is not null));

        evidence.Add("the API server's watch of the builder", farm.Builders.Lines());
        evidence.Add("the API server's watch of the build Job", farm.Jobs.Lines());
        evidence.Add("the kubelet's events of the builder", await farm.EventsAsync(job.Builder));
        evidence.Add("buildctl's log", await farm.LogAsync("app"));
        var deleted = farm.Builders.Lives().Single(pod => pod.Uid == job.BuilderUid);
        farm.JobOf("app").IsLiveAt(deleted.DeletionAsked!.Value).ShouldBeTrue();
        farm.JobOf("app").Ended!.Value.ShouldBeLessThan(deleted.Gone!.Value);
    }

    [Fact]
    public async Task BuilderPodDeleted_WhileBuilding_WithoutGrace_EndsAsItsLoss()
    {
        await using var evidence = new Evidence(nameof(BuilderPodDeleted_WhileBuilding_WithoutGrace_EndsAsItsLoss));
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 1, slots: 2));
        var build = farm.Sleeping("app", 60);
        await farm.CreateAsync(build with { Spec = build.Spec with { Retries = 0 } });
        var job = await farm.InTheStepAsync("app");

        evidence.Add("kubectl delete pod", await fixture.Cluster.KubectlAsync("--namespace", farm.Pool.Namespace, "delete", "pod", job.Builder, "--grace-period=0", "--force"));
        var failure = (await farm.Tenant.EndOfAsync("app")).Status!.Failure.ShouldNotBeNull();

        var log = await farm.LogAsync("app");
        evidence.Add("the API server's watch of the builder", farm.Builders.Lines());
        evidence.Add("the kubelet's events of the builder", await farm.EventsAsync(job.Builder));
        evidence.Add("buildctl's log", log);
        failure.Class.ShouldBe(nameof(FailureClass.Infrastructure));
        failure.Reason.ShouldBe(FailureReasons.BuilderLost);
        // What it says hangs on how far the daemon came with its shutdown.
        log.ShouldMatch("(?m)^error: .*(Canceled: context canceled|code = Unavailable|EOF|connection)");
    }
}
