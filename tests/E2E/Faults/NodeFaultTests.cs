using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Runner;
using Slipway.Tests.E2E.Farm;

namespace Slipway.Tests.E2E.Faults;

/// <summary>The node of a build's Job goes, its builder stays. Its own side: others' builds need that node.</summary>
public sealed class NodeFaultTests(ClusterFixture fixture)
{
    private const string Node = "node-arm64";
    private const string Architecture = "kubernetes.io/arch";

    [Fact]
    public async Task NodeOfTheJob_MadeNotReady_DoesNotHoldTheBuild()
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("Strikes a node that the builders are not on: local cluster only.");
        await using var evidence = new Evidence(nameof(NodeOfTheJob_MadeNotReady_DoesNotHoldTheBuild), "Faults");
        await Shared.JoinAsync(Use.CountsOn, Use.HasAlone);
        await using var node = new StruckNode(fixture, Node);
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform("linux/amd64", builders: 1, slots: 2));
        await using var nodes = await Recording<V1Node>.StartAsync(fixture.Client, null);
        var build = farm.Sleeping("app", 5);
        await farm.CreateAsync(build with { Spec = build.Spec with { Job = new JobTemplate { NodeSelector = new Dictionary<string, string> { [Architecture] = "arm64" } } } });
        var first = await farm.InTheStepAsync("app");
        Seen<V1Node> lost;
        ImageBuildStatus status;
        try
        {
            await Shell.RunAsync("tests/cluster/cluster", "node-stop", Node);
            // The one node that is left is of the other architecture. It rebuilds nothing.
            await fixture.Client.PatchAsync<V1Alpha1ImageBuild>(new(farm.Pool.Namespace, "app"), new JsonObject { ["spec"] = new JsonObject { ["job"] = new JsonObject { ["nodeSelector"] = null } } }, TestContext.Current.CancellationToken);
            lost = await nodes.ReadyAsync(Node, "Unknown", after: 0);
            status = (await farm.SucceedsAsync("app")).Status!;
        }
        finally
        {
            await Shell.RunAsync("tests/cluster/cluster", "node-start", Node);
        }

        await nodes.ReadyAsync(Node, "True", after: lost.Revision);

        evidence.Add("the API server's watch of the node, as its lifecycle controller and kubelet wrote it", nodes.Lines(Node));
        evidence.AddSeen("the API server's watch of the build Jobs", farm.Jobs.Lines(), "Complete");
        evidence.Add("the events of the first Job's pod", await fixture.Cluster.KubectlAsync("--namespace", farm.Pool.Namespace, "get", "events"));
        var failed = status.FailedAttempts.ShouldNotBeNull().ShouldHaveSingleItem();
        (failed.Class, failed.Reason).ShouldBe((nameof(FailureClass.Infrastructure), Reasons.NodeLost));
        farm.Jobs.Lives().Count.ShouldBe(2);
        farm.Jobs.Lives().ShouldContain(life => life.Name == first.Name);
        (new DateTimeOffset(status.CompletedAt!.Value, TimeSpan.Zero) - lost.At).ShouldBeLessThan(TimeSpan.FromSeconds(75));
        using var registry = new RegistryReader(fixture.Cluster.Registry);
        (await registry.DigestAsync(farm.Tenant.Repository("app"), "1")).ShouldBe(status.IndexDigest);
    }
}
