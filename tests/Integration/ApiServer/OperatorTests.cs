using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;

namespace Slipway.Tests.Integration.ApiServer;

/// <summary>What the operator asks of the API server, by the audit log.</summary>
[Collection(ApiServerTests.Name)]
public sealed class OperatorTests(ApiServerFixture fixture)
{
    [Fact]
    public async Task Operator_WhenItStartsAgain_WritesNothingForWhatIsFinished()
    {
        var story = await Story.WithFarmAsync(fixture);
        var done = await story.BuildAsync("first");
        // A status that holds the time of the pass would be the same within one second.
        await Eventually.SoAsync("another second", () => Task.FromResult(TimeProvider.System.GetUtcNow().UtcDateTime), now => now >= done.Status!.CompletedAt!.Value.AddSeconds(1));
        await Eventually.SoAsync("the pool is idle again", story.ReadyPoolAsync, pool => pool.Status!.Platforms!.All(platform => platform.Building == 0));
        var before = await VersionsAsync(story);
        await fixture.StopOperatorAsync();
        var mark = fixture.Audit.Mark();

        await fixture.StartOperatorAsync();
        // First come, first served: when these have ended, the passes of the start are over.
        var other = await Story.WithFarmAsync(fixture);
        await other.BuildAsync("after");

        var asked = fixture.Audit.Since(mark);
        asked.ShouldContain(entry => entry.IsWrite && entry.Namespace == other.Tenant);
        asked.Where(entry => entry.IsWrite && entry.Namespace == story.Tenant).ShouldBeEmpty();
        asked.Where(entry => entry.IsWrite && entry.Namespace == story.Builders).ShouldBeEmpty();
        (await VersionsAsync(story)).ShouldBe(before);
    }

    // The server spells some of it another way, and adds defaults everywhere.
    [Fact]
    public async Task Operator_WhenItStartsAgain_WritesNothingForAPoolThatSaysEverything()
    {
        var story = await Story.BeginAsync(fixture);
        var pool = await story.CreatePoolAsync(RichPlatform);
        await story.Player.StartBuildersAsync(pool);
        await story.ReadyPoolAsync();
        await fixture.StopOperatorAsync();
        var mark = fixture.Audit.Mark();

        await fixture.StartOperatorAsync();
        await (await Story.WithFarmAsync(fixture)).BuildAsync("after");

        fixture.Audit.Since(mark).Where(entry => entry.IsWrite && entry.Namespace == story.Builders).ShouldBeEmpty();
    }

    private static readonly PoolPlatform RichPlatform = new()
    {
        Platform = Story.Amd64,
        BuildsPerBuilder = 2,
        Storage = new PoolStorage { Size = new ResourceQuantity("1024Mi"), StorageClassName = "fast" },
        Resources = new V1ResourceRequirements
        {
            Requests = new Dictionary<string, ResourceQuantity> { ["cpu"] = new("1000m"), ["memory"] = new("2048Mi") },
            Limits = new Dictionary<string, ResourceQuantity> { ["memory"] = new("4Gi") },
        },
        NodeSelector = new Dictionary<string, string> { ["builders"] = "yes" },
        Tolerations = [new V1Toleration { Key = "builders", OperatorProperty = "Exists", Effect = "NoSchedule" }],
    };

    [Fact]
    public async Task Operator_WhenItStartsInTheMiddleOfABuild_GoesOnWithTheSameJob()
    {
        var story = await Story.WithFarmAsync(fixture);
        var build = await story.CreateBuildAsync("hello", Story.Amd64);
        var job = await story.Player.JobAsync(build, JobRoles.Build);
        var pod = await story.Player.StartAsync(job);
        await fixture.StopOperatorAsync();
        await story.Player.EndAsync(job, pod, Story.Pushed('a', published: true));

        await fixture.StartOperatorAsync();
        var done = await story.PhaseAsync(build, Phases.Succeeded);

        (await story.Player.JobsAsync(build)).ShouldHaveSingleItem().Metadata.Uid.ShouldBe(job.Metadata.Uid);
        done.Status!.IndexDigest.ShouldBe(Story.Digest('a'));
    }

    [Requirement("R8")]
    [Fact]
    public async Task Operator_WhenItWorks_ReadsNoSecretOutsideItsNamespace()
    {
        var story = await Story.WithFarmAsync(fixture);
        await story.BuildAsync("hello");

        var verbs = fixture.Audit.Since().Where(entry => entry.Resource == "secrets" && entry.Namespace != LocalApiServer.OperatorNamespace)
            .Select(entry => entry.Verb).Distinct().ToList();

        verbs.ShouldContain("create");
        verbs.Except(["create", "delete"]).ShouldBeEmpty();
    }

    [Fact]
    public async Task Operator_WhenItWorks_IsRefusedNothing()
    {
        var story = await Story.WithFarmAsync(fixture);
        await story.BuildAsync("hello");

        fixture.Audit.Since().Where(entry => entry.Code is 401 or 403 or 422).ShouldBeEmpty("config/rbac grants what the operator does");
    }

    /// <summary>Every object of the story, with its resourceVersion.</summary>
    private static async Task<IReadOnlyList<string>> VersionsAsync(Story story)
    {
        var (player, builders, tenant) = (story.Player, story.Builders, story.Tenant);
        IEnumerable<IKubernetesObject<V1ObjectMeta>> all =
        [
            .. await player.ListAsync<V1Alpha1BuilderPool>(builders), .. await player.ListAsync<V1StatefulSet>(builders), .. await player.ListAsync<V1Service>(builders),
            .. await player.ListAsync<V1ConfigMap>(builders), .. await player.ListAsync<V1Secret>(builders),
            .. await player.ListAsync<V1Alpha1ImageBuild>(tenant), .. await player.ListAsync<V1Job>(tenant), .. await player.ListAsync<V1Secret>(tenant),
        ];
        return [.. all.Select(item => $"{item.GetType().Name} {item.Metadata.Name} {item.Metadata.ResourceVersion}")];
    }
}
