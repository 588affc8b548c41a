using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;
using Slipway.Tests.E2E.Farm;

namespace Slipway.Tests.E2E.Faults;

/// <summary>A builder goes in the middle of a build, which goes on elsewhere, or on the one that comes in its place.</summary>
public sealed class LostBuilderTests(ClusterFixture fixture)
{
    [Fact]
    public async Task BuilderPodDeleted_InAStep_BuildsOnAnotherBuilder()
    {
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 2, slots: 1));
        await using var fault = await Fault.StartAsync(fixture, nameof(BuilderPodDeleted_InAStep_BuildsOnAnotherBuilder), pool: farm.Pool);
        await fault.Tenant.CreateAsync(fault.Sleeping("app", StepWatch.Seconds(5)));
        var first = await fault.InTheStepAsync("app");

        fault.Evidence.Add("kubectl delete pod", await fixture.Cluster.KubectlAsync("--namespace", farm.Pool.Namespace, "delete", "pod", first.Builder!, "--grace-period=0", "--force"));
        var status = await fault.SucceedsAsync("app");

        await fault.AddEventsAsync("the kubelet's events of the builder", first.Builder!, "kubelet .* Killing", farm.Pool.Namespace);
        fault.Evidence.Add("the API server's watch of the builders", farm.Builders.Lines());
        // What it says hangs on how far the daemon came with its shutdown.
        await ShouldBuildElsewhereAsync(fault, status, "^error: .*(Canceled: context canceled|code = Unavailable|EOF|connection)");
    }

    [Fact]
    public async Task BuildkitdKilled_InAStep_IsTriedAgain()
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("Kills a process on the node: local cluster only.");
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 1, slots: 1));
        await using var fault = await Fault.StartAsync(fixture, nameof(BuildkitdKilled_InAStep_IsTriedAgain), pool: farm.Pool);
        await fault.Tenant.CreateAsync(fault.Sleeping("app", StepWatch.Seconds(5)));
        var first = await fault.InTheStepAsync("app");

        fault.Evidence.Add("SIGKILL to", Buildkitd.Kill(await fault.BuilderAsync(first)));
        var status = await fault.SucceedsAsync("app");

        var ended = farm.Builders.Objects.Select(pod => pod.Status.ContainerStatuses[0].LastState?.Terminated).OfType<V1ContainerStateTerminated>();
        fault.Evidence.AddSeen("the kubelet's status of the builder's container, its state before this one", ended.Select(state => $"exit code {state.ExitCode}, {state.Reason}"), "exit code");
        fault.Evidence.Add("the kubelet's events of the builder", await farm.EventsAsync(first.Builder!));
        fault.Evidence.AddSeen("the first attempt's log", await fault.LogAsync(first), "^error: .*(code = Unavailable|EOF|connection)");
        fault.Evidence.Add("the API server's watch of the Jobs", fault.Jobs.Lines());
        var failed = status.FailedAttempts.ShouldNotBeNull().ShouldHaveSingleItem();
        (failed.Class, failed.Reason).ShouldBe((nameof(FailureClass.Infrastructure), FailureReasons.BuilderLost));
        fault.Jobs.Of("app", JobRoles.Build).Count.ShouldBe(2);
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
        await fault.ShouldBeExplainedAsync();
    }

    internal static async Task ShouldBuildElsewhereAsync(Fault fault, ImageBuildStatus status, string said, string reason = FailureReasons.BuilderLost)
    {
        var jobs = fault.Jobs.Of("app", JobRoles.Build).TakeLast(2).ToList();
        fault.Evidence.AddSeen("the first attempt's log", await fault.LogAsync(jobs[0]), said);
        fault.Evidence.Add("the second attempt's log", await fault.LogAsync(jobs[1]));
        fault.Evidence.Add("the API server's watch of the Jobs", fault.Jobs.Lines());
        var failed = status.FailedAttempts.ShouldNotBeNull().ShouldHaveSingleItem();
        (failed.Class, failed.Reason, failed.Builder).ShouldBe((nameof(FailureClass.Infrastructure), reason, jobs[0].Builder));
        jobs.Select(job => job.Attempt).ShouldBe([1, 2]);
        jobs[1].Builder.ShouldNotBe(jobs[0].Builder);
        status.Platforms![0].Builder.ShouldBe(jobs[1].Builder);
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
    }
}

/// <summary>The daemon of a builder, on this machine.</summary>
internal static class Buildkitd
{
    /// <summary>Ends it without a word. Returns what it was.</summary>
    public static string Kill(V1Pod builder)
    {
        var id = PodProcesses.Of(builder, "buildkitd\0").Single(id => PodProcesses.Read($"/proc/{id}", "cmdline").Split('\0')[0].EndsWith("buildkitd", StringComparison.Ordinal));
        var line = PodProcesses.Lines(builder, "buildkitd\0").Single(line => line.StartsWith($"process {id}:", StringComparison.Ordinal));
        using var process = System.Diagnostics.Process.GetProcessById(id);
        process.Kill();
        return line;
    }
}
