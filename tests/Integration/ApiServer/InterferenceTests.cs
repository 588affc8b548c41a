using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;

namespace Slipway.Tests.Integration.ApiServer;

/// <summary>Others use the names that a build needs, or change it while it runs.</summary>
[Collection(ApiServerTests.Name)]
public sealed class InterferenceTests(ApiServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Build_WhenAForeignJobHasItsName_StallsAndLeavesItAlone(bool owned)
    {
        var story = await Story.BeginAsync(fixture);
        var pool = await story.CreatePoolAsync();
        var build = await story.CreateBuildAsync("hello", Story.Amd64);
        // The name hangs on the uid: as long as no builder is ready, there is time to take it.
        var queued = await story.PhaseAsync(build, Phases.Queued);
        var foreign = await story.Client.CreateAsync(await ForeignJobAsync(story, queued, owned), Cancel);

        await story.Player.StartBuildersAsync(pool);
        var stalled = await story.PhaseAsync(build, Phases.Failed);

        IsNameTaken(stalled, $"Job {foreign.Metadata.Name}");
        var left = await story.Client.GetAsync<V1Job>(NamespacedName.Of(foreign), Cancel);
        (left.Metadata.Uid, left.Metadata.ResourceVersion).ShouldBe((foreign.Metadata.Uid, foreign.Metadata.ResourceVersion));
    }

    [Fact]
    public async Task Build_WhenAForeignConfigMapHasItsSourcesName_StallsAndGoesOnUnderAnotherKey()
    {
        var story = await Story.BeginAsync(fixture);
        var pool = await story.CreatePoolAsync();
        var build = await story.CreateInlineBuildAsync("hello");
        var queued = await story.PhaseAsync(build, Phases.Queued);
        var name = ChildNames.InlineSource("hello", build.Metadata.Uid, queued.Status!.BuildKey!);
        var foreign = await story.Client.CreateAsync(new V1ConfigMap { Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = story.Tenant } }, Cancel);

        await story.Player.StartBuildersAsync(pool);
        IsNameTaken(await story.PhaseAsync(build, Phases.Failed), $"ConfigMap {name}");
        (await story.Player.JobsAsync(build)).ShouldBeEmpty("a Job would build what somebody else wrote");
        await story.EditAsync(build, Rerun("again"));
        await story.Player.RunAsync(build, JobRoles.Build, Story.Pushed('a', published: true));
        await story.PhaseAsync(build, Phases.Succeeded);

        var left = await story.Client.GetAsync<V1ConfigMap>(NamespacedName.Of(foreign), Cancel);
        left.Metadata.ResourceVersion.ShouldBe(foreign.Metadata.ResourceVersion);
    }

    [Fact]
    public async Task Build_WhenItIsRunAgainAfterItsEnd_ClearsTheOldAwayAndBuildsAnew()
    {
        var story = await Story.WithFarmAsync(fixture);
        var build = await story.CreateInlineBuildAsync("hello");
        var old = await story.Player.RunAsync(build, JobRoles.Build, Story.Pushed('a', published: true));
        var first = await story.PhaseAsync(build, Phases.Succeeded);
        var before = await MaterialsAsync(story);
        before.ShouldBe([ChildNames.ClientCertificate("hello", build.Metadata.Uid, first.Status!.BuildKey!), ChildNames.InlineSource("hello", build.Metadata.Uid, first.Status.BuildKey!)]);

        await story.EditAsync(build, Rerun("again"));
        await Eventually.SoAsync("the old Job is gone", () => story.Client.GetOrDefaultAsync<V1Job>(NamespacedName.Of(old), default), seen => seen is null);
        await story.Player.RunAsync(build, JobRoles.Build, Story.Pushed('b', published: true));
        var second = await Eventually.SoAsync("it has ended again", () => story.ReadAsync(build), seen => seen.Status is { Phase: Phases.Succeeded, ObservedGeneration: 2 });

        second.Status!.IndexDigest.ShouldBe(Story.Digest('b'));
        second.Status.BuildKey.ShouldNotBe(first.Status.BuildKey);
        var after = await MaterialsAsync(story);
        after.ShouldBe([ChildNames.ClientCertificate("hello", build.Metadata.Uid, second.Status.BuildKey!), ChildNames.InlineSource("hello", build.Metadata.Uid, second.Status.BuildKey!)]);
        (await story.Player.JobsAsync(build)).ShouldHaveSingleItem().Metadata.Uid.ShouldNotBe(old.Metadata.Uid);
    }

    /// <summary>Names of the tenant's Secrets and ConfigMaps.</summary>
    private static async Task<IReadOnlyList<string>> MaterialsAsync(Story story) =>
        [.. (await story.Player.ListAsync<V1Secret>(story.Tenant)).Select(item => item.Metadata.Name), .. (await story.Player.ListAsync<V1ConfigMap>(story.Tenant)).Select(item => item.Metadata.Name)];

    private static JsonObject Rerun(string value) => new() { ["spec"] = new JsonObject { ["rerun"] = value } };

    private static void IsNameTaken(V1Alpha1ImageBuild build, string what)
    {
        (build.Status!.Failure!.Class, build.Status.Failure.Reason).ShouldBe(("Config", Reasons.NameTaken));
        build.Status.Failure.Message!.ShouldStartWith(what);
        build.Status.Conditions!.Single(condition => condition.Type == Conditions.Stalled).Reason.ShouldBe(Reasons.NameTaken);
        build.Status.CompletedAt.ShouldBeNull("it has not been built");
    }

    /// <summary>A Job that is nobody's, or another controller's, under the name of the build's only platform.</summary>
    private static async Task<V1Job> ForeignJobAsync(Story story, V1Alpha1ImageBuild build, bool owned)
    {
        var name = ChildNames.PlatformJob(build.Metadata.Name, build.Metadata.Uid, build.Status!.BuildKey!, Platform.Parse(Story.Amd64), attempt: 1);
        var owner = await story.Client.CreateAsync(new V1ConfigMap { Metadata = new V1ObjectMeta { Name = "somebody", NamespaceProperty = story.Tenant } }, Cancel);
        return new V1Job
        {
            Metadata = new V1ObjectMeta
            {
                Name = name,
                NamespaceProperty = story.Tenant,
                OwnerReferences = owned ? [new V1OwnerReference { ApiVersion = "v1", Kind = "ConfigMap", Name = "somebody", Uid = owner.Metadata.Uid, Controller = true }] : null,
            },
            Spec = new V1JobSpec { Template = new V1PodTemplateSpec { Spec = new V1PodSpec { RestartPolicy = "Never", Containers = [new V1Container { Name = "theirs", Image = "theirs" }] } } },
        };
    }
}
