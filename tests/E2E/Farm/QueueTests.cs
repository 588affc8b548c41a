using System.Globalization;

namespace Slipway.Tests.E2E.Farm;

/// <summary>More builds than slots: none too many at once, and nobody waits for all of another's.</summary>
public sealed class QueueTests(ClusterFixture fixture)
{
    [Fact]
    public async Task FiftyBuildsAtOnce_OnTwoBuildersOfTwoSlots()
    {
        await using var evidence = new Evidence(nameof(FiftyBuildsAtOnce_OnTwoBuildersOfTwoSlots));
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 2, slots: 2));

        await farm.CreateAsync(Enumerable.Range(1, 50).Select(number => farm.Sleeping(Numbered(number), 1)));
        await farm.AllSucceedAsync(TimeSpan.FromMinutes(6));

        evidence.Add("the API server's watch of the build Jobs", farm.Jobs.Lines());
        var lives = farm.Jobs.Lives();
        lives.Count.ShouldBe(50);
        lives.ShouldAllBe(life => life.Succeeded);
        lives.Select(life => life.BuilderUid).Distinct().Count().ShouldBe(2);
        lives.MostAtOnce().ShouldBe(2);
    }

    [Fact]
    public async Task OneNamespaceWith200BuildsBesideOneWith3()
    {
        await using var evidence = new Evidence(nameof(OneNamespaceWith200BuildsBesideOneWith3));
        await using var farm = await TestFarm.StartAsync(fixture, TestFarm.Platform(fixture.Cluster.Platforms[0], builders: 1, slots: 2));
        await using var few = await fixture.TenantAsync(pool: farm.Pool);

        await farm.CreateAsync(Enumerable.Range(1, 200).Select(number => farm.Sleeping(Numbered(number), 2)));
        await farm.PlatformAsync("full, and the others wait", platform => platform.Building == 2 && platform.Queued > 150);
        await farm.CreateAsync(Enumerable.Range(1, 3).Select(number => farm.Sleeping(few, Numbered(number), 2)));
        for (var number = 1; number <= 3; number++) (await few.EndOfAsync(Numbered(number), TestFarm.Patience)).Status!.Phase.ShouldBe(Builds.Phases.Succeeded);

        evidence.Add($"the API server's watch of the build Jobs ({farm.Pool.Namespace} has 200 builds, {few.Name} has 3)", farm.Jobs.Lines());
        var lives = farm.Jobs.Lives();
        var last = lives.Where(life => life.Job.Metadata.NamespaceProperty == few.Name).Max(life => life.Ended)!.Value;
        // With two namespaces each has one of the two slots: three of the one end beside three of the other, and some that ran before.
        lives.Count(life => life.Job.Metadata.NamespaceProperty == farm.Pool.Namespace && life.Ended < last).ShouldBeLessThanOrEqualTo(8);
        (await farm.ReadPoolAsync()).Status!.Platforms![0].Queued.ShouldNotBeNull().ShouldBeGreaterThan(150);
        if (Sample.TakesAll) await farm.AllSucceedAsync(TimeSpan.FromMinutes(30));
        lives.MostAtOnce().ShouldBe(2);
    }

    private static string Numbered(int number) => string.Create(CultureInfo.InvariantCulture, $"build-{number:000}");
}
