using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;

namespace Slipway.Tests.Integration.ApiServer;

/// <summary>From a BuilderPool to builders that are ready.</summary>
[Collection(ApiServerTests.Name)]
public sealed class PoolTests(ApiServerFixture fixture)
{
    [Fact]
    public async Task Pool_WhenItIsCreated_HasNotBeenLookedAt()
    {
        var story = await Story.BeginAsync(fixture);

        (await story.CreatePoolAsync()).Status!.ObservedGeneration.ShouldBe(-1);
    }

    [Fact]
    public async Task Pool_WhenItsBuildersAreReady_BecomesReady()
    {
        var story = await Story.BeginAsync(fixture);
        var pool = await story.CreatePoolAsync();
        var waiting = await Eventually.SoAsync("the pool has a status", () => story.Client.GetAsync<V1Alpha1BuilderPool>(NamespacedName.Of(pool), default),
            seen => seen.Status?.ObservedGeneration == 1);
        waiting.Status!.Conditions.IsTrue(Conditions.Reconciling).ShouldBeTrue();
        waiting.Status.Conditions.IsTrue(Conditions.Ready).ShouldBeFalse();

        await story.Player.StartBuildersAsync(pool);
        var ready = await story.ReadyPoolAsync();

        ready.Status!.Conditions!.Select(condition => condition.Type).ShouldBe([Conditions.Ready, Conditions.VersionVulnerable], "neither Reconciling nor Stalled, of a BuildKit that has known vulnerabilities");
        ready.Status.Platforms!.Select(platform => (platform.Platform, platform.Desired, platform.Ready)).ShouldBe([(Story.Amd64, 1, 1), (Story.Arm64, 1, 1)]);
        ready.Status.Platforms![0].Builders!.Single().ShouldBe(new BuilderStatus { Name = "farm-linux-amd64-0", State = "Ready", Builds = 0, Version = "v0.13.2" });
    }

    [Fact]
    public async Task Pool_WhenItIsReady_OwnsWhatItMade()
    {
        var story = await Story.WithFarmAsync(fixture);
        var pool = await story.ReadyPoolAsync();

        var sets = await story.Player.ListAsync<V1StatefulSet>(story.Builders);
        var services = await story.Player.ListAsync<V1Service>(story.Builders);
        var configs = await story.Player.ListAsync<V1ConfigMap>(story.Builders);
        var secrets = await story.Player.ListAsync<V1Secret>(story.Builders);

        new[] { sets.Count, services.Count, configs.Count, secrets.Count }.ShouldBe([2, 2, 2, 2]);
        foreach (var made in new IKubernetesObject<V1ObjectMeta>[][] { [.. sets], [.. services], [.. configs], [.. secrets] }.SelectMany(all => all))
        {
            var owner = made.Metadata.OwnerReferences.ShouldHaveSingleItem(made.Metadata.Name);
            (owner.ApiVersion, owner.Kind, owner.Name, owner.Uid).ShouldBe((SlipwayApi.GroupVersion, V1Alpha1BuilderPool.KindName, "farm", pool.Metadata.Uid));
            (owner.Controller, owner.BlockOwnerDeletion).ShouldBe((true, true), made.Metadata.Name);
            made.Metadata.Labels[SlipwayApi.ManagedByLabel].ShouldBe(SlipwayApi.ManagedBy, made.Metadata.Name);
        }
    }

    [Requirement("R17")]
    [Fact]
    public async Task Pool_WhenItIsReady_HasAppliedItsObjectsUnderOneName()
    {
        var story = await Story.WithFarmAsync(fixture);

        foreach (var set in await story.Player.ListAsync<V1StatefulSet>(story.Builders)) Managers(set).ShouldBe([("slipway", "Apply")]);
        foreach (var service in await story.Player.ListAsync<V1Service>(story.Builders)) Managers(service).ShouldBe([("slipway", "Apply")]);
        foreach (var config in await story.Player.ListAsync<V1ConfigMap>(story.Builders)) Managers(config).ShouldBe([("slipway", "Apply")]);
        // Created once and never applied: an apply would need the right to read them.
        foreach (var secret in await story.Player.ListAsync<V1Secret>(story.Builders)) Managers(secret).ShouldBe([("slipway", "Update")]);

        static IEnumerable<(string, string)> Managers(IMetadata<V1ObjectMeta> item) => item.Metadata.ManagedFields.Select(field => (field.Manager, field.Operation));
    }

    [Fact]
    public async Task Pool_WhenBuildsQueue_SaysSoWithoutAnyOtherEvent()
    {
        var story = await Story.WithFarmAsync(fixture);
        foreach (var name in new[] { "first", "second" })
        {
            var build = await story.CreateBuildAsync(name, Story.Amd64);
            await story.Player.StartAsync(await story.Player.JobAsync(build, JobRoles.Build));
        }

        await Eventually.SoAsync("every slot is taken", story.ReadyPoolAsync, pool => pool.Status!.Platforms![0].Building == 2);

        await story.CreateBuildAsync("third", Story.Amd64);

        await Eventually.SoAsync("the pool tells of its queue", story.ReadyPoolAsync, pool => pool.Status!.Platforms![0].Queued == 1);
    }
}
