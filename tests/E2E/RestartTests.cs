using System.Diagnostics;
using System.Globalization;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;

namespace Slipway.Tests.E2E;

/// <summary>The operator goes in the middle of a build, and nothing is lost or done twice.</summary>
[Collection(ClusterTests.Name)]
public sealed class RestartTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private const string OperatorNamespace = "slipway-system";
    private const string OperatorSelector = "app.kubernetes.io/name=slipway,app.kubernetes.io/component=operator";

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
        await using var tenant = await fixture.TenantAsync();
        await using var jobs = JobWatcher.Start(fixture, tenant.Name);
        var build = tenant.Inline("app", Slow);
        await tenant.CreateAsync(build with { Spec = build.Spec with { BuildArgs = [new BuildArg { Name = "NONCE", Value = tenant.Name }] } });
        await ClusterFixture.EventuallyAsync("every platform is building", TimeSpan.FromMinutes(1), () => tenant.ReadAsync("app"),
            seen => seen.Status?.Platforms?.Count == fixture.Cluster.Platforms.Count && seen.Status.Platforms.All(platform => platform.Phase == PlatformPhases.Building));

        var before = (await OperatorPodAsync()).ShouldNotBeNull();
        await strike(before);
        await ClusterFixture.EventuallyAsync("the operator is back", TimeSpan.FromMinutes(2), OperatorPodAsync, pod => pod is not null && Restarted(before, pod));
        var status = (await tenant.EndOfAsync("app")).Status!;

        status.Phase.ShouldBe(Phases.Succeeded, status.Failure?.Message);
        jobs.Seen.Where(job => job.Role == JobRoles.Build).Select(job => job.Platform).ShouldBe(fixture.Cluster.Platforms, ignoreOrder: true);
        jobs.Seen.Count(job => job.Role == JobRoles.Publish).ShouldBe(fixture.Cluster.Platforms.Count > 1 ? 1 : 0);
    }

    /// <summary>Null while one is going and the next is not there yet.</summary>
    private async Task<V1Pod?> OperatorPodAsync()
    {
        var page = await fixture.Client.ListPageAsync<V1Pod>(new ListQuery { Namespace = OperatorNamespace, LabelSelector = OperatorSelector }, Cancel);
        return page.Items.FirstOrDefault(pod => pod.Metadata.DeletionTimestamp is null);
    }

    private static bool Restarted(V1Pod before, V1Pod now) => Ready(now)
        && (now.Metadata.Uid != before.Metadata.Uid || Restarts(now) > Restarts(before));

    private static bool Ready(V1Pod pod) => pod.Status.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) ?? false;

    private static int Restarts(V1Pod pod) => pod.Status.ContainerStatuses?.Sum(status => status.RestartCount) ?? 0;
}

/// <summary>The operator's process on this machine, by the pod's uid in its cgroup: never by name.</summary>
internal static class OperatorProcess
{
    public static int Find(V1Pod pod)
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id)) continue;
            if (Read(folder, "cgroup").Contains($"pod{pod.Metadata.Uid}", StringComparison.Ordinal)
                && Read(folder, "cmdline").StartsWith("/opt/slipway/slipway\0operator", StringComparison.Ordinal)) return id;
        }

        throw new InvalidOperationException($"No process of pod {pod.Metadata.Name} runs on this machine.");
    }

    public static string Read(string folder, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, file));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
