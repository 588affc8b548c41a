using k8s.Models;
using Slipway.Api;

namespace Slipway.Tests.E2E.Farm;

/// <summary>What happens to nodes happens to their builders. Jobs run on the other node, so that it is the builder alone that a test strikes.</summary>
public sealed class NodeTests(ClusterFixture fixture)
{
    private const string Node = "node-arm64";
    private const string Struck = "linux/arm64";
    private const string Other = "linux/amd64";

    private static readonly PoolPlatform[] Platforms = [TestFarm.Platform(Struck, builders: 1, slots: 2), TestFarm.Platform(Other, builders: 1, slots: 2)];

    [Fact]
    public async Task NodeOfABuilderNotReady_ItTakesNoBuildsAndOthersDo()
    {
        SkipUnlessLocal();
        await using var evidence = new Evidence(nameof(NodeOfABuilderNotReady_ItTakesNoBuildsAndOthersDo));
        await Shared.JoinAsync(Use.CountsOn, Use.HasAlone);
        await using var node = new StruckNode(fixture, Node);
        await using var farm = await TestFarm.StartAsync(fixture, Platforms);
        await using var nodes = await Recording<V1Node>.StartAsync(fixture.Client, null);
        long lost;
        try
        {
            await Shell.RunAsync("tests/cluster/cluster", "node-stop", Node);
            lost = (await nodes.ReadyAsync(Node, "Unknown", after: 0)).Revision;
            await PlatformAsync(farm, "without a builder", platform => platform.Ready == 0);
            await farm.CreateAsync(farm.Sleeping("held", 1, Struck), farm.Sleeping("other", 1, Other));
            await farm.SucceedsAsync("other");
            await PlatformAsync(farm, "holding a build back", platform => platform is { Building: 0, Queued: 1 });
        }
        finally
        {
            await Shell.RunAsync("tests/cluster/cluster", "node-start", Node);
        }

        var back = (await nodes.ReadyAsync(Node, "True", after: lost)).Revision;
        await farm.SucceedsAsync("held");

        evidence.Add("the API server's watch of the node, as its lifecycle controller and kubelet wrote it", nodes.Lines(Node));
        evidence.Add("the API server's watch of the builders", farm.Builders.Lines());
        evidence.Add("the API server's watch of the build Jobs", farm.Jobs.Lines());
        farm.JobOf("other").Ended!.Value.ShouldBeLessThan(back);
        farm.JobOf("held").Created.ShouldBeGreaterThan(back);
    }

    [Fact]
    public async Task Cordoned_TheBuilderTakesNoBuildsAndEndsItsOwn()
    {
        SkipUnlessLocal();
        await using var evidence = new Evidence(nameof(Cordoned_TheBuilderTakesNoBuildsAndEndsItsOwn));
        await Shared.JoinAsync(Use.CountsOn, Use.HasAlone);
        await using var node = new StruckNode(fixture, Node);
        await using var farm = await TestFarm.StartAsync(fixture, Platforms[0]);
        await using var nodes = await Recording<V1Node>.StartAsync(fixture.Client, null);
        await farm.CreateAsync(farm.Sleeping("running", 25, Struck));
        var job = await farm.InTheStepAsync("running");
        try
        {
            evidence.Add("kubectl cordon", await fixture.Cluster.KubectlAsync("cordon", Node));
            await PlatformAsync(farm, "draining", platform => platform is { Ready: 0, Builders: [{ State: "Draining" }] });
            await farm.CreateAsync(farm.Sleeping("held", 1, Struck));
            await farm.SucceedsAsync("running");
            await PlatformAsync(farm, "holding a build back", platform => platform is { Building: 0, Queued: 1 });
        }
        finally
        {
            await fixture.Cluster.KubectlAsync("uncordon", Node);
        }

        await farm.SucceedsAsync("held");

        evidence.Add("the API server's watch of the node", nodes.Lines(Node));
        evidence.Add("the API server's watch of the builder", farm.Builders.Lines());
        evidence.Add("the API server's watch of the build Jobs", farm.Jobs.Lines());
        var uncordoned = nodes.Seen.SkipWhile(seen => seen.Object.Spec.Unschedulable is not true).First(seen => seen.Object.Metadata.Name == Node && seen.Object.Spec.Unschedulable is not true).Revision;
        farm.JobOf("running").Ended!.Value.ShouldBeLessThan(uncordoned);
        farm.JobOf("held").Created.ShouldBeGreaterThan(uncordoned);
        // Nobody deleted it under its build.
        farm.Builders.Lives().Single(pod => pod.Uid == job.BuilderUid).DeletionAsked.ShouldNotBeNull().ShouldBeGreaterThan(farm.JobOf("running").Ended!.Value);
    }

    [Fact]
    public async Task Drained_InTheMiddleOfARun_LosesNoBuild()
    {
        SkipUnlessLocal();
        await using var evidence = new Evidence(nameof(Drained_InTheMiddleOfARun_LosesNoBuild));
        await Shared.JoinAsync(Use.CountsOn, Use.HasAlone);
        await using var node = new StruckNode(fixture, Node);
        await using var farm = await TestFarm.StartAsync(fixture, Platforms[0]);
        await using var nodes = await Recording<V1Node>.StartAsync(fixture.Client, null);
        await farm.CreateAsync(farm.Sleeping("running", Sample.TakesAll ? 60 : 45, Struck));
        var job = await farm.InTheStepAsync("running");
        try
        {
            var drain = fixture.Cluster.KubectlAsync("drain", Node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=3m");
            await farm.SucceedsAsync("running");
            evidence.Add("kubectl drain", await drain);
        }
        finally
        {
            await fixture.Cluster.KubectlAsync("uncordon", Node);
        }

        await farm.PoolAsync("Ready again", seen => seen.Status?.Conditions.IsTrue(Conditions.Ready) is true);

        evidence.Add("the API server's watch of the node", nodes.Lines(Node));
        evidence.Add("the API server's watch of the builder", farm.Builders.Lines());
        evidence.Add("the API server's watch of the build Job", farm.Jobs.Lines());
        evidence.Add("the kubelet's events of the builder", await farm.EventsAsync(job.Builder));
        evidence.Add("buildctl's log", await farm.LogAsync("running"));
        var evicted = farm.Builders.Lives().Single(pod => pod.Uid == job.BuilderUid);
        farm.JobOf("running").IsLiveAt(evicted.DeletionAsked!.Value).ShouldBeTrue();
        farm.JobOf("running").Ended!.Value.ShouldBeLessThan(evicted.Gone!.Value);
    }

    private void SkipUnlessLocal()
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("Strikes a node that the Jobs are not on: local cluster only.");
    }

    private static Task<V1Alpha1BuilderPool> PlatformAsync(TestFarm farm, string isWhat, Func<PoolPlatformStatus, bool> isSo) =>
        farm.PoolAsync($"on {Node} {isWhat}", pool => pool.Status?.Platforms?.SingleOrDefault(platform => platform.Platform == Struck) is { } struck && isSo(struck));
}
