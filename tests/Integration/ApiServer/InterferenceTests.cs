using System.Globalization;
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
    private const string EditLabel = "edit";

    /// <summary>Doubled from a tenth of a second on, the next try would be minutes away.</summary>
    private const int ManyConflicts = 14;

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
    public async Task Build_WhenItsLabelsChangeWhileItBuilds_EndsRight()
    {
        var story = await Story.WithFarmAsync(fixture);
        var mark = fixture.Audit.Mark();
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var build = await story.CreateBuildAsync("hello", Story.Amd64, Story.Arm64);
        var editing = EditAsync(story, build, enough.Token);

        await story.RunBothAsync(build);
        await enough.CancelAsync();
        var edits = await editing;
        var asked = fixture.Audit.Since(mark).Where(entry => entry.Namespace == story.Tenant).ToList();
        TestContext.Current.TestOutputHelper?.WriteLine($"{edits} edits, {asked.Count(entry => entry.Code == 409)} conflicts");
        var done = await story.PhaseAsync(build, Phases.Succeeded);

        asked.ShouldContain(entry => entry.Code == 409);
        asked.Count(entry => entry is { Verb: "create", Resource: "jobs", Changed: true }).ShouldBe(4, "prepare, two platforms, publish");
        done.Status!.IndexDigest.ShouldBe(Story.Digest('f'));
        done.Status.Platforms!.Select(platform => platform.Phase).ShouldBe([PlatformPhases.Succeeded, PlatformPhases.Succeeded]);
        done.Metadata.Labels[EditLabel].ShouldBe(edits.ToString(CultureInfo.InvariantCulture), "no write of ours takes another's back");
    }

    [Requirement("R14")]
    [Requirement("R16")]
    [Fact]
    public async Task Build_WhenItsStatusMetManyConflicts_IsWrittenSoonAfterTheLast()
    {
        await using var gate = await Gate.BeforeStatusesAsync(fixture);
        var story = await Story.WithFarmAsync(fixture, gate.Labels);
        var build = await story.CreateBuildAsync("hello", Story.Amd64);
        var job = await story.Player.JobAsync(build, JobRoles.Build);
        await story.PhaseAsync(build, Phases.Building);
        // From now on every status finds that the object has changed since.
        gate.Before = number => story.EditAsync(build, Label(number));
        await story.Player.EndAsync(job, await story.Player.StartAsync(job), Story.Pushed('a', published: true));
        var pod = (await story.Player.ListAsync<V1Pod>(story.Tenant)).Single();
        for (var conflict = gate.Passed; conflict < ManyConflicts; conflict++)
        {
            // Wakes the build, which does not wait for its next turn then.
            await story.Client.PatchAsync<V1Pod>(NamespacedName.Of(pod), Label(conflict), Cancel);
            await Eventually.SoAsync("it has tried again", () => Task.FromResult(gate.Passed), passed => passed > conflict);
        }

        gate.Before = _ => Task.CompletedTask;
        await story.PhaseAsync(build, Phases.Succeeded);
    }

    [Fact]
    public async Task Build_WhenItIsRunAgainAfterItsEnd_ClearsTheOldAwayAndBuildsAnew()
    {
        var story = await Story.WithFarmAsync(fixture);
        var build = await story.CreateInlineBuildAsync("hello");
        var old = await story.Player.RunAsync(build, JobRoles.Build, Story.Pushed('a', published: true));
        var first = await story.PhaseAsync(build, Phases.Succeeded);
        var before = await MaterialsAsync(story);
        var authority = await AuthorityAsync(story);
        before.ShouldBe([ChildNames.ClientCertificate("hello", build.Metadata.Uid, first.Status!.BuildKey!, authority), ChildNames.InlineSource("hello", build.Metadata.Uid, first.Status.BuildKey!)]);

        await story.EditAsync(build, Rerun("again"));
        await Eventually.SoAsync("the old Job is gone", () => story.Client.GetOrDefaultAsync<V1Job>(NamespacedName.Of(old), default), seen => seen is null);
        await story.Player.RunAsync(build, JobRoles.Build, Story.Pushed('b', published: true));
        var second = await Eventually.SoAsync("it has ended again", () => story.ReadAsync(build), seen => seen.Status is { Phase: Phases.Succeeded, ObservedGeneration: 2 });

        second.Status!.IndexDigest.ShouldBe(Story.Digest('b'));
        second.Status.BuildKey.ShouldNotBe(first.Status.BuildKey);
        var after = await MaterialsAsync(story);
        after.ShouldBe([ChildNames.ClientCertificate("hello", build.Metadata.Uid, second.Status.BuildKey!, authority), ChildNames.InlineSource("hello", build.Metadata.Uid, second.Status.BuildKey!)]);
        (await story.Player.JobsAsync(build)).ShouldHaveSingleItem().Metadata.Uid.ShouldNotBe(old.Metadata.Uid);
    }

    private static async Task<string> AuthorityAsync(Story story) =>
        (await story.Player.ListAsync<V1Pod>(story.Builders)).Select(pod => pod.Metadata.Annotations[SlipwayApi.CertificateAuthorityAnnotation]).Distinct().Single();

    /// <summary>Names of the tenant's Secrets and ConfigMaps.</summary>
    private static async Task<IReadOnlyList<string>> MaterialsAsync(Story story) =>
        [.. (await story.Player.ListAsync<V1Secret>(story.Tenant)).Select(item => item.Metadata.Name), .. (await story.Player.ListAsync<V1ConfigMap>(story.Tenant)).Select(item => item.Metadata.Name)];

    private static JsonObject Label(int edit) =>
        new() { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [EditLabel] = edit.ToString(CultureInfo.InvariantCulture) } } };

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

    /// <summary>One edit after the other. Returns the last one's number.</summary>
    private static async Task<int> EditAsync(Story story, V1Alpha1ImageBuild build, CancellationToken enough)
    {
        var edit = 0;
        while (!enough.IsCancellationRequested)
        {
            await story.EditAsync(build, Label(++edit));
        }

        return edit;
    }
}
