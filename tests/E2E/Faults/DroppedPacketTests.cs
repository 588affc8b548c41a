using System.Text.Json.Nodes;
using Slipway.Builds;
using Slipway.Runner;
using Slipway.Tests.E2E.Farm;

namespace Slipway.Tests.E2E.Faults;

/// <summary>A builder that is gone without a word to anybody: no connection is reset, and its pod is Ready.</summary>
public sealed class DroppedPacketTests(ClusterFixture fixture)
{
    [Fact]
    public async Task BuilderPacketsDropped_InAStep_IsGivenUpByTheWatchdog()
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("Drops packets on the node: local cluster only.");
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 2, slots: 1));
        await using var fault = await Fault.StartAsync(fixture, nameof(BuilderPacketsDropped_InAStep_IsGivenUpByTheWatchdog), pool: farm.Pool);
        await fault.Tenant.CreateAsync(fault.Sleeping("app", StepWatch.Seconds(10)));
        var first = await fault.InTheStepAsync("app");
        await using var packets = await Packets.DropAsync(await fault.BuilderAsync(first));

        var status = await fault.SucceedsAsync("app");

        fault.Evidence.Add($"iptables, of builder {first.Builder}", await packets.CountersAsync());
        (await packets.DroppedAsync()).ShouldBeGreaterThan(0);
        fault.Evidence.Add("the API server's watch of the builders", farm.Builders.Lines());
        await LostBuilderTests.ShouldBuildElsewhereAsync(fault, status, "Stopping buildctl: BuilderLost");
        var log = await fault.LogAsync(first);
        log.Split('\n').Count(line => line.Contains("is silent and does not answer", StringComparison.Ordinal)).ShouldBe(3);
        await fault.ShouldBeExplainedAsync();
    }

    [Fact]
    public async Task BuilderPacketsDropped_BeforeTheBuild_BuildsOnAnotherBuilder()
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("Drops packets on the node: local cluster only.");
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 2, slots: 1));
        await using var fault = await Fault.StartAsync(fixture, nameof(BuilderPacketsDropped_BeforeTheBuild_BuildsOnAnotherBuilder), pool: farm.Pool);
        // The builder that is warm for it is the one that it goes to the next time.
        await fault.Tenant.CreateAsync(fault.Quick("app"));
        await fault.SucceedsAsync("app");
        var warm = fault.Jobs.Of("app", JobRoles.Build).ShouldHaveSingleItem();
        await using var packets = await Packets.DropAsync(await fault.BuilderAsync(warm));

        await fault.PatchAsync("app", new JsonObject { ["rerun"] = "again" });
        var status = await fault.SucceedsAsync("app");

        fault.Evidence.Add($"iptables, of builder {warm.Builder}", await packets.CountersAsync());
        (await packets.DroppedAsync()).ShouldBeGreaterThan(0);
        fault.Evidence.Add("the API server's watch of the builders", farm.Builders.Lines());
        await LostBuilderTests.ShouldBuildElsewhereAsync(fault, status, "^error: ", FailureReasons.BuilderUnreachable);
        fault.Jobs.Of("app", JobRoles.Build).Select(job => job.Builder).Take(2).ShouldBe([warm.Builder, warm.Builder]);
    }
}
