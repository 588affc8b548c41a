using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Runner;

namespace Slipway.Tests.Integration.ApiServer;

/// <summary>The operator goes and comes back: nothing is lost, and nothing is done twice.</summary>
[Collection(ApiServerTests.Name)]
public sealed class RestartTests(ApiServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Operator_WhenItStartsBetweenTwoPlatforms_BuildsNeitherAgain(bool harvestedJobWasDeleted)
    {
        var story = await Story.WithFarmAsync(fixture);
        var mark = fixture.Audit.Mark();
        var build = await story.CreateBuildAsync("hello", Story.Amd64, Story.Arm64);
        await story.Player.RunAsync(build, JobRoles.Prepare, Story.Prepared);
        var arm64 = await story.Player.JobAsync(build, JobRoles.Build, Story.Arm64);
        var pod = await story.Player.StartAsync(arm64);
        var amd64 = await story.Player.RunAsync(build, JobRoles.Build, Story.Pushed('1'), Story.Amd64);
        await Eventually.SoAsync("status holds the first result", () => story.ReadAsync(build), seen => Phase(seen, Story.Amd64) == PlatformPhases.Succeeded);

        await fixture.StopOperatorAsync();
        if (harvestedJobWasDeleted) await story.Client.DeleteAsync<V1Job>(NamespacedName.Of(amd64), amd64.Metadata.Uid, PropagationPolicy.Background, Cancel);
        await fixture.StartOperatorAsync();
        Phase(await story.ReadAsync(build), Story.Arm64).ShouldBe(PlatformPhases.Building);
        await story.Player.EndAsync(arm64, pod, Story.Pushed('4'));
        await story.Player.RunAsync(build, JobRoles.Publish, Story.Published);
        var done = await story.PhaseAsync(build, Phases.Succeeded);

        done.Status!.Platforms!.Select(platform => platform.PushedDigest).ShouldBe([Story.Digest('1'), Story.Digest('4')]);
        done.Status.IndexDigest.ShouldBe(Story.Digest('f'));
        fixture.Audit.Since(mark).Where(entry => entry is { Verb: "create", Resource: "jobs" } && entry.Namespace == story.Tenant).Select(entry => entry.Code)
            .ShouldBe([201, 201, 201, 201], "prepare, two platforms, publish");
    }

    [Fact]
    public async Task Operator_WhenItStartsAgain_WritesNothingForWhatWaitsOrHasFailed()
    {
        var failed = await FailedAsync();
        var stalled = await StalledAsync();
        var queued = await QueuedAsync();
        var built = await Story.WithFarmAsync(fixture);
        var last = await built.BuildOnBothAsync("hello");
        // A status that holds the time of the pass would be the same within one second.
        await Eventually.SoAsync("another second", () => Task.FromResult(TimeProvider.System.GetUtcNow().UtcDateTime), now => now >= last.Status!.CompletedAt!.Value.AddSeconds(1));
        await fixture.StopOperatorAsync();
        var mark = fixture.Audit.Mark();

        await fixture.StartOperatorAsync();
        // First come, first served: when this has ended, the passes of the start are over.
        var other = await Story.WithFarmAsync(fixture);
        await other.BuildAsync("after");

        var tenants = new[] { failed.Tenant, stalled.Tenant, queued.Tenant, built.Tenant };
        fixture.Audit.Since(mark).Where(entry => tenants.Contains(entry.Namespace) && entry.Verb != "watch").ShouldBeEmpty();
    }

    /// <summary>Of two platforms, one failed and the other was ended for it.</summary>
    private async Task<Story> FailedAsync()
    {
        var story = await Story.WithFarmAsync(fixture);
        var build = await story.CreateBuildAsync("hello", Story.Amd64, Story.Arm64);
        await story.Player.RunAsync(build, JobRoles.Prepare, Story.Prepared);
        await story.Player.StartAsync(await story.Player.JobAsync(build, JobRoles.Build, Story.Arm64));
        var failure = new RunFailure { Class = FailureClass.User, Reason = FailureReasons.RunStepFailed, Message = "A step failed." };
        await story.Player.RunAsync(build, JobRoles.Build, new RunResult { Failure = failure }, Story.Amd64);
        await Eventually.SoAsync("the other Job is going", () => story.Player.JobsAsync(build), jobs => jobs.Any(job => job.Metadata.DeletionTimestamp is not null));
        while (await story.Player.CollectAsync(story.Tenant)) { }
        await story.PhaseAsync(build, Phases.Failed);
        return story;
    }

    /// <summary>Its pool is not there.</summary>
    private async Task<Story> StalledAsync()
    {
        var story = await Story.BeginAsync(fixture);
        var build = await story.CreateBuildAsync("hello", Story.Amd64);
        (await story.PhaseAsync(build, Phases.Failed)).Status!.Failure!.Reason.ShouldBe(Reasons.PoolNotFound);
        return story;
    }

    /// <summary>No builder of its pool is ready.</summary>
    private async Task<Story> QueuedAsync()
    {
        var story = await Story.BeginAsync(fixture);
        await story.CreatePoolAsync();
        var build = await story.CreateBuildAsync("hello", Story.Amd64);
        (await story.PhaseAsync(build, Phases.Queued)).Status!.Queue!.Reason.ShouldBe(Reasons.NoBuilderReady);
        return story;
    }

    private static string? Phase(V1Alpha1ImageBuild build, string platform) => build.Status?.Platforms?.FirstOrDefault(one => one.Platform == platform)?.Phase;
}
