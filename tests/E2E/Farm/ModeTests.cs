using k8s.Models;
using Slipway.Api;
using Slipway.Runner;
using Slipway.Scheduling;

namespace Slipway.Tests.E2E.Farm;

/// <summary>Builders outside the cluster, and builders for another CPU than their own.</summary>
public sealed class ModeTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static readonly string[] ClientFiles = ["ca.crt", "tls.crt", "tls.key"];

    private const string Amd64 = "linux/amd64";
    private const string Arm64 = "linux/arm64";

    [Fact]
    public async Task Endpoint_Builds_AndStopped_OpensItsCircuit_AndIsTakenBack()
    {
        var cluster = fixture.Cluster as LocalCluster;
        if (cluster is null) Assert.Skip("Needs a buildkitd outside the cluster: local cluster only.");
        await Shared.JoinAsync(Use.CountsOn, isLong: true);
        await using var evidence = new Evidence(nameof(Endpoint_Builds_AndStopped_OpensItsCircuit_AndIsTakenBack));
        var endpoint = await cluster.StartBuildkitdAsync();
        try
        {
            var outside = new PoolEndpoint { Address = $"tcp://{endpoint.Address}", TlsSecretRef = new LocalReference { Name = "outside" } };
            await using var farm = await TestFarm.StartAsync(fixture, new PoolPlatform { Platform = Amd64, Endpoints = [outside] });
            await fixture.Client.CreateAsync(ClientSecret(farm.Pool.Namespace, endpoint.ClientFolder), Cancel);
            await farm.CreateAsync(farm.Sleeping("good", 1, Amd64));
            var built = (await farm.SucceedsAsync("good")).Status!.Platforms!.Single();
            evidence.Add("buildctl's log of a build outside the cluster", await farm.LogAsync("good"));

            await LocalCluster.StopBuildkitdAsync();
            await farm.CreateAsync(farm.Sleeping("lost", 1, Amd64));
            var failure = (await farm.Tenant.EndOfAsync("lost")).Status!.Failure.ShouldNotBeNull();
            var open = await farm.PlatformAsync("without a builder that takes builds", platform => platform is { Ready: 0, Builders: [{ State: "NotReady" }] });
            await farm.CreateAsync(farm.Sleeping("held", 1, Amd64));
            await farm.PlatformAsync("holding a build back", platform => platform is { Building: 0, Queued: 1 });
            evidence.Add("buildctl's log of a build while it is stopped", await farm.LogAsync("lost"));

            await cluster.StartBuildkitdAsync();
            await farm.SucceedsAsync("held");
            evidence.Add("the API server's watch of the build Jobs", farm.Jobs.Lines());

            (built.Mode, built.Builder).ShouldBe((BuilderModes.External, endpoint.Address));
            failure.Class.ShouldBe(nameof(FailureClass.Infrastructure));
            failure.Reason.ShouldBe(FailureReasons.BuilderUnreachable);
            open.Status!.Platforms!.Single().Mode.ShouldBe(BuilderModes.External);
            open.Status.Conditions!.Single(condition => condition.Type == Conditions.Ready).Status.ShouldNotBe(Conditions.True);
        }
        finally
        {
            await LocalCluster.StopBuildkitdAsync();
        }
    }

    [Fact]
    public async Task Emulated_BuildsForArm64OnANodeOfAnotherKind()
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("Needs QEMU on the node: local cluster only.");
        await using var evidence = new Evidence(nameof(Emulated_BuildsForArm64OnANodeOfAnotherKind));
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(Arm64, builders: 1, slots: 1) with { Mode = BuilderModes.Emulated });
        await farm.CreateAsync(TestFarm.Plain(farm.Tenant.Inline("app", "FROM busybox:stable\nRUN uname -m && [ \"$(uname -m)\" = aarch64 ]\n", Arm64)));

        var status = (await farm.SucceedsAsync("app")).Status!;

        var node = farm.Builders.Objects.Single().Spec.NodeName;
        evidence.Add("the API server's watch of the builder", farm.Builders.Lines());
        evidence.Add($"kubectl get node {node}", await fixture.Cluster.KubectlAsync("get", "node", node, "--label-columns", "kubernetes.io/arch"));
        evidence.Add("buildctl's log", await farm.LogAsync("app"));
        node.ShouldBe("node-amd64");
        status.Platforms!.Single().Mode.ShouldBe(BuilderModes.Emulated);
        (await farm.ReadPoolAsync()).Status!.Platforms!.Single().Mode.ShouldBe(BuilderModes.Emulated);
    }

    private static V1Secret ClientSecret(string space, string folder) => new()
    {
        ApiVersion = "v1",
        Kind = "Secret",
        Metadata = new V1ObjectMeta { Name = "outside", NamespaceProperty = space },
        Data = ClientFiles.ToDictionary(name => name, name => File.ReadAllBytes(Path.Combine(folder, name))),
    };
}
