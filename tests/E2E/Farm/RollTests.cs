using System.Globalization;
using System.Text.Json.Nodes;

namespace Slipway.Tests.E2E.Farm;

/// <summary>A pool becomes another while it builds.</summary>
public sealed class RollTests(ClusterFixture fixture)
{
    [Fact]
    public async Task ImageRolled_During12Builds()
    {
        await using var evidence = new Evidence(nameof(ImageRolled_During12Builds));
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 2, slots: 2));
        await farm.CreateAsync(Enumerable.Range(1, 12).Select(number => farm.Sleeping(string.Create(CultureInfo.InvariantCulture, $"build-{number:00}"), 8)));
        await farm.PlatformAsync("full", platform => platform.Building == 4);
        var before = farm.Builders.Lives().Select(pod => pod.Uid).ToList();

        // The same image by its whole name: another text, so another template.
        var image = $"docker.io/{fixture.Cluster.BuildkitImage}";
        await farm.PatchAsync(new JsonObject { ["image"] = image });
        await farm.AllSucceedAsync(TimeSpan.FromMinutes(5));
        await farm.PoolAsync("served by new pods alone", _ => farm.Builders.Lives().Count(pod => pod.Pod.Spec.Containers[0].Image == image && Watched.IsReady(pod.Pod)) == 2);

        evidence.Add("the API server's watch of the builders", farm.Builders.Lines());
        evidence.Add("the API server's watch of the build Jobs", farm.Jobs.Lines());
        var jobs = farm.Jobs.Lives();
        var pods = farm.Builders.Lives();
        jobs.Count.ShouldBe(12);
        jobs.ShouldAllBe(job => job.Succeeded);
        var old = pods.Where(pod => before.Contains(pod.Uid)).OrderBy(pod => pod.DeletionAsked).ToList();
        old.Count.ShouldBe(2);
        pods.Count.ShouldBe(4);
        jobs.ShouldAllBe(job => !old.Any(pod => pod.Uid == job.BuilderUid && job.IsLiveAt(pod.DeletionAsked!.Value)));
        // The second one goes when the first one's successor takes builds.
        pods.Where(pod => !before.Contains(pod.Uid)).Min(pod => pod.Ready)!.Value.ShouldBeLessThan(old[1].DeletionAsked!.Value);
    }
}
