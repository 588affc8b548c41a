using Slipway.Api;
using Slipway.Pools;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Pools;

/// <summary>Platforms whose builders run on nodes of another architecture.</summary>
public sealed class EmulatedPoolTests
{
    private static readonly PoolPlatform Arm64 = PoolWorld.Platform("linux/arm64") with { Mode = BuilderModes.Emulated };

    [Fact]
    public void Status_OfAnEmulatedPlatform_SaysSo()
    {
        var platform = PoolProgress.Status(Snapshot(emulates: "true")).Platforms.ShouldHaveSingleItem();

        (platform.Mode, platform.Ready).ShouldBe(("Emulated", 1));
    }

    // Its probes are content, and every RUN step would end with "exec format error", as if it were the user's fault.
    [Fact]
    public void Status_WhenTheNodeDoesNotEmulate_StallsAndSaysWhatToChange()
    {
        var status = PoolProgress.Status(Snapshot(emulates: "false"));

        status.Platforms!.Single().Builders!.Single().State.ShouldBe("NotReady");
        status.Of("Stalled")!.Reason.ShouldBe("BuilderCannotEmulate");
        status.Of("Stalled")!.Message.ShouldBe(
            "Node node-1 of pod farm-linux-arm64-0 runs no programs for arm64. Register QEMU for arm64 on the node, e.g. with tonistiigi/binfmt, and delete the pod; "
            + "or use an image with buildkit-qemu-*, or mode: Native.");
    }

    [Fact]
    public void Status_WhenThePodCannotTell_TakesItsWordForReady() => PoolProgress.Status(Snapshot(emulates: "null")).Of("Ready")!.Status.ShouldBe("True");

    [Theory]
    [InlineData(null, "Native")]
    [InlineData("Native", "Native")]
    [InlineData("Emulated", "Emulated")]
    public void Mode_OfABuilder_IsThatOfThePodItRunsIn(string? mode, string expected)
    {
        var set = PoolWorld.Live(PoolWorld.Pool(), Arm64 with { Mode = mode });
        var pod = PoolWorld.Pod(set, 0);
        pod.Metadata.Annotations = set.Spec.Template.Metadata.Annotations;

        Builder.From(pod, set.Metadata.Name).Mode.ShouldBe(expected);
    }

    [Fact]
    public void Affinity_OfAnEmulatedPlatform_IsNodesOfEveryOtherArchitecture() =>
        PoolWorld.Live(PoolWorld.Pool(), Arm64).Spec.Template.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
            .ShouldHaveSingleItem().MatchExpressions.Select(rule => $"{rule.Key} {rule.OperatorProperty} {rule.Values.Single()}")
            .ShouldBe(["kubernetes.io/os In linux", "kubernetes.io/arch NotIn arm64"]);

    private static PoolSnapshot Snapshot(string emulates)
    {
        var pool = PoolWorld.Pool(Arm64);
        var set = PoolWorld.Live(pool, Arm64);
        var pod = PoolWorld.Pod(set, 0);
        pod.Status.InitContainerStatuses[0].State.Terminated.Message = $$"""{"version":"v0.13.2","emulates":{{emulates}}}""";
        return PoolWorld.Snapshot(pool) with { StatefulSets = [set], Pods = [pod] };
    }
}
