using System.Text.Json.Nodes;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;

namespace Slipway.Tests.E2E.Faults;

/// <summary>Builds that are ended while a step of theirs runs: nothing of it goes on once they say that they are over.</summary>
public sealed class EndingTests(ClusterFixture fixture)
{
    private static readonly string Killing = "kubelet .* Killing +Stopping container";

    [Fact]
    public async Task Cancel_InAStep_EndsItsProcessesFirst()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(Cancel_InAStep_EndsItsProcessesFirst));
        var marker = StepWatch.ForEver();
        await fault.Tenant.CreateAsync(fault.Sleeping("app", marker));
        var job = await fault.InTheStepAsync("app");
        await using var step = await StepWatch.StartAsync(fixture, fault, job, marker);
        var log = await fault.FollowAsync(job);

        await fault.PatchAsync("app", new JsonObject { ["cancel"] = true });
        await step.ShouldEndWithItsJobBeforeAsync("app", Phases.Cancelled, status => status.Phase == Phases.Cancelled);

        await fault.FailsAsync("app", FailureClass.Cancelled, Reasons.Cancelled);
        await ShouldBeSeenAsync(fault, job, await log);
        fault.Jobs.Jobs.Count.ShouldBe(1);
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    [Fact]
    public async Task NewerBuildOfTheGroup_InAStep_SupersedesTheOlder()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(NewerBuildOfTheGroup_InAStep_SupersedesTheOlder));
        var marker = StepWatch.ForEver();
        static V1Alpha1ImageBuild InGroup(V1Alpha1ImageBuild build) => build with { Spec = build.Spec with { ConcurrencyGroup = "main" } };
        await fault.Tenant.CreateAsync(InGroup(fault.Sleeping("older", marker)));
        var job = await fault.InTheStepAsync("older");
        await using var step = await StepWatch.StartAsync(fixture, fault, job, marker);
        var log = await fault.FollowAsync(job);

        await fault.Tenant.CreateAsync(InGroup(fault.Quick("newer")));
        await step.ShouldEndWithItsJobBeforeAsync("older", Phases.Superseded, status => status.Phase == Phases.Superseded);
        var newer = await fault.SucceedsAsync("newer");

        var failure = await fault.FailsAsync("older", FailureClass.Cancelled, Reasons.Superseded);
        failure.Message!.ShouldContain("ImageBuild newer of the concurrency group main");
        await ShouldBeSeenAsync(fault, job, await log);
        fault.Jobs.Jobs.Count.ShouldBe(2);
        (await fault.TagAsync("older")).ShouldBeNull();
        (await fault.TagAsync("newer")).ShouldBe(newer.IndexDigest);
    }

    [Fact]
    public async Task SpecChanged_InAStep_EndsTheOlderFirst()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(SpecChanged_InAStep_EndsTheOlderFirst));
        var marker = StepWatch.ForEver();
        await fault.Tenant.CreateAsync(fault.Sleeping("app", marker));
        var older = await fault.InTheStepAsync("app");
        await using var step = await StepWatch.StartAsync(fixture, fault, older, marker);
        var log = await fault.FollowAsync(older);

        await fault.PatchAsync("app", new JsonObject { ["source"] = new JsonObject { ["inline"] = new JsonObject { ["files"] = new JsonObject { ["Dockerfile"] = fault.Quick("app").Spec.Source.Inline!.Files["Dockerfile"] } } } });
        await step.ShouldEndWithItsJobBeforeAsync("app", "building the other spec", status => status is { ObservedGeneration: 2, Phase: not Phases.Pending });
        var status = await fault.SucceedsAsync("app");

        await ShouldBeSeenAsync(fault, older, await log);
        IReadOnlyList<WatchedJob> jobs = fault.Jobs.Of("app", JobRoles.Build);
        jobs.Count.ShouldBe(2);
        jobs[0].Uid.ShouldBe(older.Uid);
        jobs[1].Created.ShouldBeGreaterThan(jobs[0].Gone.ShouldNotBeNull());
        jobs.Select(job => job.BuildKey).ShouldBeUnique();
        status.FailedAttempts.ShouldBeNull();
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
    }

    /// <summary>By the kubelet, and by buildctl that it told to end.</summary>
    private static async Task ShouldBeSeenAsync(Fault fault, WatchedJob job, string log)
    {
        await fault.AddEventsAsync("the kubelet's events of the Job's pod", job.Name, Killing);
        fault.Evidence.AddSeen("buildctl's log", log, "Stopping buildctl: Interrupted");
        log.ShouldContain("The solve has ended on");
    }
}
