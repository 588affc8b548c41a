using System.Globalization;
using Slipway.Tests.E2E.Farm;

namespace Slipway.Tests.E2E.Faults;

/// <summary>What happens to the builder of a build, and what is left on it of one that is gone.</summary>
public sealed class BuilderFaultTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task BuilderPacketsDropped_ForAWhile_IsWaitedFor()
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("Drops packets on the node: local cluster only.");
        await using var evidence = new Evidence(nameof(BuilderPacketsDropped_ForAWhile_IsWaitedFor), "Faults");
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 1, slots: 1));
        await using var jobs = await JobWatch.StartAsync(fixture.Client, farm.Pool.Namespace);
        await farm.CreateAsync(farm.Sleeping("app", 8));
        var job = await farm.InTheStepAsync("app");
        var builder = farm.Builders.Objects.Single(pod => pod.Metadata.Uid == job.BuilderUid);

        long dropped;
        await using (var packets = await Packets.DropAsync(builder))
        {
            // The step ends meanwhile: what its builder has to say of it cannot get through.
            await Task.Delay(TimeSpan.FromSeconds(15), TimeProvider.System, Cancel);
            dropped = await packets.DroppedAsync();
            evidence.Add($"iptables, of builder {builder.Metadata.Name} at {builder.Status.PodIP}", await packets.CountersAsync());
            farm.JobOf("app").Ended.ShouldBeNull();
        }

        await farm.SucceedsAsync("app");

        evidence.Add("the API server's watch of the build Job", farm.Jobs.Lines());
        evidence.Add("buildctl's log", await farm.LogAsync("app"));
        dropped.ShouldBeGreaterThan(0);
        jobs.Jobs.Count.ShouldBe(1);
        (await Shell.RunAsync("iptables", "-w", "-S")).ShouldNotContain($"{builder.Status.PodIP}/32");
    }

    [Fact]
    public async Task BuildDeleted_InAStep_EndsItsProcesses()
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("Looks at the node's processes: local cluster only.");
        await using var fault = await Fault.StartAsync(fixture, nameof(BuildDeleted_InAStep_EndsItsProcesses));
        var marker = string.Create(CultureInfo.InvariantCulture, $"100000.{Random.Shared.Next(100_000, 1_000_000)}");
        await fault.Tenant.CreateAsync(fault.Sleeping("app", marker));
        var job = await fault.InTheStepAsync("app");
        var builder = await fault.BuilderAsync(job);
        var before = PodProcesses.Lines(builder, $"sleep {marker}", $"sleep\0{marker}");
        fault.Evidence.AddSeen($"/proc, of pod {builder.Metadata.Name}, in the step", before, marker);

        fault.Evidence.Add("kubectl delete imagebuild", await fixture.Cluster.KubectlAsync("--namespace", fault.Tenant.Name, "delete", "imagebuild", "app"));
        var after = await Wait.UntilAsync("the step's processes are gone", TimeSpan.FromSeconds(30), () => Task.FromResult(PodProcesses.Lines(builder, $"sleep {marker}", $"sleep\0{marker}")), lines => lines.Count == 0);

        fault.Evidence.Add($"/proc, of pod {builder.Metadata.Name}, within 30 s", $"{after.Count} processes");
        fault.Evidence.Add("the API server's watch of the Job", fault.Jobs.Lines());
    }
}
