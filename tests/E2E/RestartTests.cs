using System.Diagnostics;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Leadership;
using Slipway.Tests.E2E.Faults;

namespace Slipway.Tests.E2E;

/// <summary>The leader goes in the middle of a build, and nothing is lost or done twice.</summary>
[Collection(OperatorStrikes.Name)]
public sealed class RestartTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private const string OperatorNamespace = "slipway-system";

    private const string Slow = "FROM busybox:stable\nARG NONCE\nRUN echo $NONCE && sleep 12 && echo done > /done\n";

    [Fact]
    public Task OperatorPodDeleted_InTheMiddleOfABuild_BuildsEveryPlatformOnce() => SurvivesAsync(async pod =>
        await fixture.Client.DeleteAsync<V1Pod>(NamespacedName.Of(pod), pod.Metadata.Uid, PropagationPolicy.Background, Cancel));

    [Fact]
    public Task OperatorKilled_InTheMiddleOfABuild_BuildsEveryPlatformOnce() => SurvivesAsync(pod =>
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("SIGKILL needs the node's processes: local cluster only.");
        using var process = Process.GetProcessById(OperatorProcess.Find(pod));
        process.Kill();
        return Task.CompletedTask;
    });

    private async Task SurvivesAsync(Func<V1Pod, Task> strike)
    {
        using var strikes = await fixture.Shared.StrikesOperatorAsync();
        using var node = await fixture.Shared.CountsOnNodeAsync();
        await using var tenant = await fixture.TenantAsync();
        await using var jobs = await tenant.JobsAsync();
        var build = tenant.Inline("app", Slow);
        using (await fixture.Shared.ChangesLeaderAsync())
        {
            await tenant.CreateAsync(build with { Spec = build.Spec with { BuildArgs = [new BuildArg { Name = "NONCE", Value = tenant.Name }] } });
            await Wait.UntilAsync("every platform is building", TimeSpan.FromMinutes(1), () => tenant.ReadAsync("app"),
                seen => seen.Status?.Platforms?.Count == fixture.Cluster.Platforms.Count && seen.Status.Platforms.All(platform => platform.Phase == PlatformPhases.Building));

            await ChangeLeaderAsync(strike);
        }

        var status = (await tenant.EndOfAsync("app")).Status!;

        status.Phase.ShouldBe(Phases.Succeeded, status.Failure?.Message);
        jobs.Objects.Where(job => RoleOf(job) == JobRoles.Build).Select(job => job.Metadata.Annotations[SlipwayApi.PlatformAnnotation]).ShouldBe(fixture.Cluster.Platforms, ignoreOrder: true);
        jobs.Objects.Count(job => RoleOf(job) == JobRoles.Publish).ShouldBe(fixture.Cluster.Platforms.Count > 1 ? 1 : 0);
    }

    private async Task ChangeLeaderAsync(Func<V1Pod, Task> strike)
    {
        var before = await HolderAsync();
        var struck = TimeProvider.System.GetTimestamp();
        await strike(await LeaderAsync(before));
        var after = await Wait.UntilAsync("another process leads", TimeSpan.FromMinutes(1), HolderAsync, holder => holder is not "" && holder != before);
        TestContext.Current.TestOutputHelper!.WriteLine($"{after} leads {TimeProvider.System.GetElapsedTime(struck).TotalSeconds:0.0} s after the end of {before}");
    }

    private static string RoleOf(V1Job job) => job.Metadata.Labels[SlipwayApi.RoleLabel];

    private async Task<string> HolderAsync() =>
        (await fixture.Client.GetAsync<Lease>(new NamespacedName(OperatorNamespace, "slipway"), Cancel)).Spec?.HolderIdentity ?? "";

    /// <summary>A holder is called by its pod's name and something of its own.</summary>
    private Task<V1Pod> LeaderAsync(string holder) => fixture.Client.GetAsync<V1Pod>(new NamespacedName(OperatorNamespace, holder.Split('_')[0]), Cancel);
}

/// <summary>The operator's process on this machine: never by name alone.</summary>
internal static class OperatorProcess
{
    public static int Find(V1Pod pod) =>
        PodProcesses.Of(pod, "/opt/slipway/slipway\0operator") is [var id, ..] ? id : throw new InvalidOperationException($"No process of pod {pod.Metadata.Name} runs on this machine.");
}
