using System.Globalization;
using k8s.Models;

namespace Slipway.Tests.E2E.Farm;

/// <summary>A pool follows its load, and kills nothing on the way.</summary>
public sealed class ScaleTests(ClusterFixture fixture)
{
    [Fact]
    public async Task ScaledFromZeroToMax_ToOneUnderTwoLongBuilds_AndToZero()
    {
        await using var evidence = new Evidence(nameof(ScaledFromZeroToMax_ToOneUnderTwoLongBuilds_AndToZero));
        var platform = TestFarm.Platform(fixture.Cluster.Platforms[0], min: 0, max: 3, slots: 2) with { Storage = new() { Size = new ResourceQuantity("1Gi") } };
        await using var farm = await TestFarm.StartAsync(fixture, platform);
        await using var sets = await Recording<V1StatefulSet>.StartAsync(fixture.Client, farm.Pool.Namespace);
        farm.Builders.Lives().ShouldBeEmpty();

        var names = Enumerable.Range(1, 12).Select(number => string.Create(CultureInfo.InvariantCulture, $"build-{number:00}")).ToList();
        await farm.CreateAsync(names.Select(name => farm.Sleeping(name, 90)));
        await farm.PlatformAsync("at three builders, all of them full", seen => seen.Desired == 3 && seen.Building == 6);
        foreach (var name in names.Where(name => farm.Jobs.Lives().Any(job => job.Build == name))) await farm.InTheStepAsync(name);
        var (lowest, highest) = (OneOf(farm, "-0"), OneOf(farm, "-2"));
        foreach (var name in names.Where(name => name != lowest.Build && name != highest.Build)) await farm.DeleteAsync(name);

        await farm.PlatformAsync("to be one builder", seen => seen is { Desired: 1, Building: 2 });
        sets.Seen[^1].Object.Spec.Replicas.ShouldBe(3);
        await farm.SucceedsAsync(lowest.Build);
        await farm.SucceedsAsync(highest.Build);
        await farm.PlatformAsync("at zero", seen => seen.Desired == 0 && seen.Builders is null or { Count: 0 });

        var claims = await fixture.Cluster.KubectlAsync("--namespace", farm.Pool.Namespace, "get", "persistentvolumeclaims");
        evidence.Add("the API server's watch of the StatefulSet", sets.Lines());
        evidence.Add("the API server's watch of the builders", farm.Builders.Lines());
        evidence.Add("the API server's watch of the build Jobs", farm.Jobs.Lines());
        evidence.Add("kubectl get persistentvolumeclaims", claims);
        var pods = farm.Builders.Lives();
        pods.Count.ShouldBe(3);
        farm.Jobs.Lives().ShouldAllBe(job => !pods.Any(pod => pod.Uid == job.BuilderUid && job.IsLiveAt(pod.DeletionAsked!.Value)));
        claims.Split('\n').Count(line => line.Contains(" Bound ", StringComparison.Ordinal)).ShouldBe(3);
        sets.Seen[^1].Object.Spec.Replicas.ShouldBe(0);
    }

    private static JobLife OneOf(TestFarm farm, string ordinal) =>
        farm.Jobs.Lives().First(job => job.Ended is null && job.Builder.EndsWith(ordinal, StringComparison.Ordinal));
}
