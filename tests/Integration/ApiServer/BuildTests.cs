using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Runner;

namespace Slipway.Tests.Integration.ApiServer;

/// <summary>From an ImageBuild to digests in its status.</summary>
[Collection(ApiServerTests.Name)]
public sealed partial class BuildTests(ApiServerFixture fixture)
{
    private const int MostWrites = 6;

    /// <summary>Pending, Building, one platform's end, Publishing, Succeeded.</summary>
    private const int MostStatusWrites = 5;

    [Fact]
    public async Task Build_WhenItIsCreated_HasNotBeenLookedAt()
    {
        var story = await Story.BeginAsync(fixture);

        (await story.CreateBuildAsync("hello", Story.Amd64)).Status!.ObservedGeneration.ShouldBe(-1);
    }

    [Fact]
    public async Task Build_WhenItHasTwoPlatforms_GoesFromOneCommitOverTwoJobsToOneIndex()
    {
        var story = await Story.WithFarmAsync(fixture);
        var build = await story.CreateBuildAsync("hello", Story.Amd64, Story.Arm64);

        var prepare = await story.Player.JobAsync(build, JobRoles.Prepare);
        (await story.Player.JobsAsync(build)).Count.ShouldBe(1, "nothing starts before the commit is known");
        (await story.PhaseAsync(build, Phases.Pending)).Status!.Conditions.IsTrue(Conditions.Reconciling).ShouldBeTrue();
        await story.Player.EndAsync(prepare, await story.Player.StartAsync(prepare), Story.Prepared);
        var amd64 = await story.Player.JobAsync(build, JobRoles.Build, Story.Amd64);
        var arm64 = await story.Player.JobAsync(build, JobRoles.Build, Story.Arm64);
        Description<BuildDescription>(amd64).Commit.ShouldBe(Story.Commit);
        Description<BuildDescription>(arm64).Commit.ShouldBe(Story.Commit);
        await story.PhaseAsync(build, Phases.Building);
        await story.Player.EndAsync(amd64, await story.Player.StartAsync(amd64), Story.Pushed('1'));
        await story.Player.EndAsync(arm64, await story.Player.StartAsync(arm64), Story.Pushed('4'));
        var publish = await story.Player.JobAsync(build, JobRoles.Publish);
        Description<PublishDescription>(publish).Platforms.Select(platform => (platform.Platform, platform.Digest))
            .ShouldBe([(Story.Amd64, Story.Digest('1')), (Story.Arm64, Story.Digest('4'))]);
        await story.PhaseAsync(build, Phases.Publishing);
        await story.Player.EndAsync(publish, await story.Player.StartAsync(publish), Story.Published);

        var done = await story.PhaseAsync(build, Phases.Succeeded);

        Normalised(done).ShouldBe(Indented(SucceededOnTwoPlatforms));
        (await story.Player.JobsAsync(build)).Count.ShouldBe(4);
    }

    [Fact]
    public async Task Build_WhenItHasOnePlatform_PublishesInItsOnlyJobWithFewWrites()
    {
        var story = await Story.WithFarmAsync(fixture);
        var mark = fixture.Audit.Mark();

        var build = await story.BuildAsync("hello");

        var job = (await story.Player.JobsAsync(build)).ShouldHaveSingleItem();
        Description<BuildDescription>(job).Publish.ShouldBeTrue();
        build.Status!.IndexDigest.ShouldBe(Story.Digest('a'));
        build.Status.Commit.ShouldBe(Story.Commit);
        await Eventually.SoAsync("the pool is idle again", story.ReadyPoolAsync, pool => pool.Status!.Platforms!.All(platform => platform.Building == 0));
        var writes = fixture.Audit.Since(mark).Where(entry => entry.Changed && (entry.Namespace == story.Tenant || entry.Namespace == story.Builders)).ToList();
        TestContext.Current.TestOutputHelper?.WriteLine($"{writes.Count} writes:\n{string.Join('\n', writes)}");
        writes.Count.ShouldBeLessThanOrEqualTo(MostWrites, string.Join('\n', writes));
    }

    [Requirement("R18", "ops#594")]
    [Fact]
    public async Task Build_WhenItHasTwoPlatforms_WritesOnceAStep()
    {
        var story = await Story.WithFarmAsync(fixture);
        var mark = fixture.Audit.Mark();

        await story.BuildOnBothAsync("hello");

        await Eventually.SoAsync("the pool is idle again", story.ReadyPoolAsync, pool => pool.Status!.Platforms!.All(platform => platform.Building == 0));
        var changed = fixture.Audit.Since(mark).Where(entry => entry.Changed).ToList();
        var (writes, ofPool) = (changed.Where(entry => entry.Namespace == story.Tenant).ToList(), changed.Count(entry => entry.Namespace == story.Builders));
        TestContext.Current.TestOutputHelper?.WriteLine($"{writes.Count} writes of the build, {ofPool} of its pool's status:\n{string.Join('\n', writes)}");
        writes.Count(entry => entry is { Verb: "create", Resource: "jobs" }).ShouldBe(4);
        writes.Count(entry => entry is { Verb: "create", Resource: "secrets" }).ShouldBe(1);
        writes.Count(entry => entry.Subresource == "status").ShouldBeLessThanOrEqualTo(MostStatusWrites, string.Join('\n', writes));
    }

    [Fact]
    public async Task Build_WhenItIsNotTheFirst_ReadsNothingButItsWatches()
    {
        var story = await Story.WithFarmAsync(fixture);
        await story.BuildAsync("first");
        var mark = fixture.Audit.Mark();

        await story.BuildAsync("second");
        await story.BuildOnBothAsync("third");

        var asked = fixture.Audit.Since(mark);
        asked.ShouldContain(entry => entry.Verb == "create" && entry.Resource == "jobs");
        asked.Where(entry => entry.IsRead).ShouldBeEmpty();
    }

    [Fact]
    public async Task Build_WhenAPlatformFails_FailsWithThatReasonAndEndsTheOther()
    {
        var story = await Story.WithFarmAsync(fixture);
        var build = await story.CreateBuildAsync("hello", Story.Amd64, Story.Arm64);
        await story.Player.RunAsync(build, JobRoles.Prepare, Story.Prepared);
        var other = await story.Player.JobAsync(build, JobRoles.Build, Story.Arm64);
        await story.Player.StartAsync(other);

        var failure = new RunFailure { Class = FailureClass.User, Reason = FailureReasons.RunStepFailed, Message = "A step failed.", Step = "[2/3] RUN make", ExitCode = 2 };
        var job = await story.Player.RunAsync(build, JobRoles.Build, new RunResult { Failure = failure, DurationSeconds = 3 }, Story.Amd64);

        await Eventually.SoAsync("the other Job is going", () => story.Client.GetOrDefaultAsync<V1Job>(NamespacedName.Of(other), default), seen => seen?.Metadata.DeletionTimestamp is not null);
        (await story.ReadAsync(build)).Status!.Conditions.IsTrue(Conditions.Complete).ShouldBeFalse("it still runs");
        while (await story.Player.CollectAsync(story.Tenant)) { }
        var status = (await story.PhaseAsync(build, Phases.Failed)).Status!;
        (status.Failure!.Class, status.Failure.Reason, status.Failure.ExitCode).ShouldBe(("User", FailureReasons.RunStepFailed, 2));
        status.Failure.Log!.ShouldContain(job.Metadata.Name);
        status.Conditions.IsTrue(Conditions.Stalled).ShouldBeTrue();
        status.Conditions.IsTrue(Conditions.Complete).ShouldBeTrue();
        status.Platforms!.Select(platform => platform.Phase).ShouldBe([PlatformPhases.Failed, PlatformPhases.Cancelled]);
    }

    [Requirement("R16")]
    [Fact]
    public async Task Build_WhenSomebodyEditsItInTheMiddleOfAPass_EndsRight()
    {
        await using var gate = await Gate.BeforeJobsAsync(fixture);
        var story = await Story.WithFarmAsync(fixture, gate.Labels);
        var mark = fixture.Audit.Mark();
        // The pass has looked, and writes its status after the Job is made.
        gate.Before = number => number == 1 ? story.EditAsync(Key(story, "hello"), new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["edited"] = "yes" } } }) : Task.CompletedTask;

        var build = await story.BuildAsync("hello");

        gate.Passed.ShouldBeGreaterThan(0);
        build.Metadata.Labels["edited"].ShouldBe("yes");
        (await story.Player.JobsAsync(build)).Count.ShouldBe(1);
        var patches = fixture.Audit.Since(mark).Where(entry => entry is { Resource: "imagebuilds", Subresource: "status" } && entry.Namespace == story.Tenant).ToList();
        patches[0].Code.ShouldBe(409, "the status was planned from the object as it was before");
        patches[1].Code.ShouldBe(200);
    }

    // Nothing else would ever have woken it.
    [Fact]
    public async Task Build_WhenItsNamespaceGetsTheLabelThatThePoolAdmits_GoesOnByItself()
    {
        var story = await Story.WithFarmAsync(fixture);
        var admits = new JsonObject { ["spec"] = new JsonObject { ["allowedNamespaces"] = new JsonObject { ["from"] = "Selector", ["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["builds"] = story.Tenant } } } } };
        await story.Client.PatchAsync<V1Alpha1BuilderPool>(new(story.Builders, "farm"), admits, TestContext.Current.CancellationToken);
        await Eventually.SoAsync("the pool has taken its new rule", story.ReadyPoolAsync, pool => pool.Status!.ObservedGeneration == 2);
        var build = await story.CreateBuildAsync("hello", Story.Amd64);
        (await story.PhaseAsync(build, Phases.Failed)).Status!.Failure!.Reason.ShouldBe(Reasons.NamespaceNotAllowed);

        await story.Client.PatchAsync<V1Namespace>(new("", story.Tenant), new JsonObject { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["builds"] = story.Tenant } } }, TestContext.Current.CancellationToken);
        await story.Player.RunAsync(build, JobRoles.Build, Story.Pushed('a', published: true));

        await story.PhaseAsync(build, Phases.Succeeded);
    }

    [Fact]
    public async Task Build_WhenItIsRunAgain_ReplacesWhatRuns()
    {
        var story = await Story.WithFarmAsync(fixture);
        var build = await story.CreateBuildAsync("hello", Story.Amd64);
        var old = await story.Player.JobAsync(build, JobRoles.Build);
        await story.Player.StartAsync(old);
        var before = (await story.PhaseAsync(build, Phases.Building)).Status!.BuildKey;

        await story.EditAsync(build, new JsonObject { ["spec"] = new JsonObject { ["rerun"] = "again" } });

        var waiting = await Eventually.SoAsync("the old Job is going", () => story.ReadAsync(build), seen => seen.Status?.BuildKey != before);
        waiting.Status!.Conditions!.Single(condition => condition.Type == Conditions.Reconciling).Reason.ShouldBe(Reasons.ReplacingOlder);
        var going = (await story.Player.JobsAsync(build)).ShouldHaveSingleItem("nothing starts beside it");
        (going.Metadata.Uid, going.Metadata.DeletionTimestamp is not null).ShouldBe((old.Metadata.Uid, true));
        while (await story.Player.CollectAsync(story.Tenant)) { }
        var job = await story.Player.RunAsync(build, JobRoles.Build, Story.Pushed('a', published: true));
        var done = await story.PhaseAsync(build, Phases.Succeeded);

        job.Metadata.Name.ShouldNotBe(old.Metadata.Name);
        (done.Status!.ObservedGeneration, done.Status.IndexDigest).ShouldBe((2, Story.Digest('a')));
    }

    [Fact]
    public async Task Build_WhenItIsDeleted_LeavesNothingThatNobodyOwns()
    {
        var story = await Story.WithFarmAsync(fixture);
        var build = await story.CreateInlineBuildAsync("inline");
        await story.Player.RunAsync(build, JobRoles.Build, Story.Pushed('a', published: true));
        await story.PhaseAsync(build, Phases.Succeeded);
        var configs = await story.Player.ListAsync<V1ConfigMap>(story.Tenant);
        var secrets = await story.Player.ListAsync<V1Secret>(story.Tenant);
        var jobs = await story.Player.ListAsync<V1Job>(story.Tenant);
        new[] { configs.Count, secrets.Count, jobs.Count }.ShouldBe([1, 1, 1]);
        configs.ShouldAllBe(child => ClusterPlayer.OwnedBy(child, build.Metadata.Uid));
        secrets.ShouldAllBe(child => ClusterPlayer.OwnedBy(child, build.Metadata.Uid));
        jobs.ShouldAllBe(child => ClusterPlayer.OwnedBy(child, build.Metadata.Uid));
        build.Metadata.Finalizers.ShouldBeNull();
        var mark = fixture.Audit.Mark();

        await story.Client.DeleteAsync<V1Alpha1ImageBuild>(NamespacedName.Of(build), build.Metadata.Uid, PropagationPolicy.Background, TestContext.Current.CancellationToken);
        await Eventually.SoAsync("it is gone", () => story.Client.GetOrDefaultAsync<V1Alpha1ImageBuild>(NamespacedName.Of(build), default), seen => seen is null);
        while (await story.Player.CollectAsync(story.Tenant)) { }
        // Whatever the operator wanted to do about it is done when a build after it has ended.
        var other = await Story.WithFarmAsync(fixture);
        await other.BuildAsync("after");

        (await story.Player.ListAsync<V1ConfigMap>(story.Tenant)).ShouldBeEmpty();
        (await story.Player.ListAsync<V1Secret>(story.Tenant)).ShouldBeEmpty();
        (await story.Player.ListAsync<V1Job>(story.Tenant)).ShouldBeEmpty();
        (await story.Player.ListAsync<V1Pod>(story.Tenant)).ShouldBeEmpty();
        fixture.Audit.Since(mark).Where(entry => entry.Changed && entry.Namespace == story.Tenant).ShouldBeEmpty();
    }

    private static V1Alpha1ImageBuild Key(Story story, string name) => new() { Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = story.Tenant } };

    /// <summary>The one argument of the Job's container that is JSON.</summary>
    private static T Description<T>(V1Job job) => RunnerJson.Deserialize<T>(job.Spec.Template.Spec.Containers[0].Args[^1]);

    /// <summary>Status as JSON; "-" stands for times and for what is counted from them.</summary>
    private static string Normalised(V1Alpha1ImageBuild build)
    {
        var status = KubeJson.ToNode(build)["status"]!.AsObject();
        status["duration"] = "-";
        status["buildKey"] = ((string)status["buildKey"]!).Length;
        foreach (var platform in status["platforms"]!.AsArray()) platform!["queued"] = "-";
        return Indented(Time().Replace(status.ToJsonString(), "\"-\""));
    }

    private static string Indented(string json) => JsonNode.Parse(json)!.ToJsonString(Readable);

    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true };

    [GeneratedRegex("\"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z\"")]
    private static partial Regex Time();

    private static string SucceededOnTwoPlatforms =>
        $$"""
        {
          "observedGeneration": 1, "buildKey": 32, "phase": "Succeeded",
          "conditions": [
            {"lastTransitionTime": "-", "message": "The build has ended.", "observedGeneration": 1, "reason": "Succeeded", "status": "True", "type": "Complete"},
            {"lastTransitionTime": "-", "message": "The image is built, checked and tagged.", "observedGeneration": 1, "reason": "Succeeded", "status": "True", "type": "Ready"},
            {"lastTransitionTime": "-", "message": "The image is built, checked and tagged.", "observedGeneration": 1, "reason": "Succeeded", "status": "True", "type": "Succeeded"}
          ],
          "commit": "{{Story.Commit}}",
          "image": "registry.example.com/team/hello@{{Story.Digest('f')}}", "indexDigest": "{{Story.Digest('f')}}", "tags": ["1.0", "latest"],
          "platforms": [
            {
              "platform": "linux/amd64", "phase": "Succeeded", "startedAt": "-", "builder": "farm-linux-amd64-0", "preferredBuilder": "farm-linux-amd64-0", "mode": "Native", "attempts": 1, "queued": "-", "duration": "41s",
              "pushedDigest": "{{Story.Digest('1')}}", "imageDigest": "{{Story.Digest('2')}}", "cache": {"steps": 12, "cached": 11, "ratio": "0.92", "imported": true},
              "attestations": [{"manifestDigest": "{{Story.Digest('3')}}", "predicateType": "https://slsa.dev/provenance/v1", "digest": "{{Story.Digest('9')}}", "size": 4211}]
            },
            {
              "platform": "linux/arm64", "phase": "Succeeded", "startedAt": "-", "builder": "farm-linux-arm64-0", "preferredBuilder": "farm-linux-arm64-0", "mode": "Native", "attempts": 1, "queued": "-", "duration": "41s",
              "pushedDigest": "{{Story.Digest('4')}}", "imageDigest": "{{Story.Digest('5')}}", "cache": {"steps": 12, "cached": 11, "ratio": "0.92", "imported": true},
              "attestations": [{"manifestDigest": "{{Story.Digest('6')}}", "predicateType": "https://slsa.dev/provenance/v1", "digest": "{{Story.Digest('9')}}", "size": 4211}]
            }
          ],
          "publish": {"attempts": 1, "startedAt": "-"}, "requestedAt": "-", "startedAt": "-", "completedAt": "-", "duration": "-",
          "summary": {"platforms": "linux/amd64,linux/arm64", "cache": "22/24", "digest": "{{new string('f', 12)}}"}
        }
        """;
}
