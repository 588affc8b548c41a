using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.JobPods;
using Slipway.Runner;

namespace Slipway.Tests.E2E.Faults;

/// <summary>Jobs whose container does not come to its work, or is taken from it.</summary>
public sealed class JobStartTests(ClusterFixture fixture)
{
    [Fact]
    public async Task RunnerOutOfMemory_EveryTime_SaysToRaiseTheLimit()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RunnerOutOfMemory_EveryTime_SaysToRaiseTheLimit));
        await using var pods = await Recording<V1Pod>.StartAsync(fixture.Client, fault.Tenant.Name);
        var build = fault.Quick("app");
        await fault.Tenant.CreateAsync(build with { Spec = build.Spec with { Job = new JobTemplate { Resources = new V1ResourceRequirements { Limits = new Dictionary<string, ResourceQuantity> { ["memory"] = new("12Mi") } } } } });

        await fault.Tenant.EndOfAsync("app", Fault.Patience);

        var ended = pods.Objects.Select(pod => $"Pod {pod.Metadata.Name}: {State(pod)?.Reason}, exit code {State(pod)?.ExitCode}").ToList();
        fault.Evidence.AddSeen("the kubelet's status of the Jobs' containers", ended, "OOMKilled, exit code 137");
        fault.Evidence.Add("the kubelet's events", await fault.EventsAsync("app"));
        var failure = await fault.FailsAsync("app", FailureClass.Infrastructure, FailureReasons.OutOfMemory);
        failure.Message!.ShouldContain("spec.job.resources.limits.memory");
        ended.Count.ShouldBe(3);
        fault.Jobs.Of("app", JobRoles.Build).Select(job => job.Attempt).ShouldBe([1, 2, 3]);
        await fault.ShouldBeExplainedAsync();
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    [Fact]
    public async Task JobUnschedulable_ForTooLong_SaysWhatDoesNotFit()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(JobUnschedulable_ForTooLong_SaysWhatDoesNotFit));
        var build = fault.Quick("app");
        await fault.Tenant.CreateAsync(build with { Spec = build.Spec with { Job = new JobTemplate { NodeSelector = new Dictionary<string, string> { ["nope"] = "nope" } } } });

        var failure = await fault.FailsAsync("app", FailureClass.Config, Reasons.RunnerUnschedulable);

        var job = fault.Jobs.Jobs.ShouldHaveSingleItem();
        await fault.AddEventsAsync("the scheduler's events", job.Name, "FailedScheduling .*nodes are available");
        failure.Message!.ShouldContain("spec.job (nodeSelector, tolerations, resources)");
        failure.Message!.ShouldContain($"kubectl get events -n {fault.Tenant.Name}");
        await Wait.UntilAsync("the Job that never started is gone", Fault.Patience, () => Task.FromResult(fault.Jobs.Jobs[0].Gone), gone => gone is not null);
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    [Fact]
    public async Task JobEvicted_InAStep_SaysWhatTheKubeletSays()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(JobEvicted_InAStep_SaysWhatTheKubeletSays));
        await using var pods = await Recording<V1Pod>.StartAsync(fixture.Client, fault.Tenant.Name);
        // The log counts as the pod's storage, and buildkitd hands on 200 KiB of it a second.
        var build = Fault.Without(fault.Tenant.Inline("app", $"FROM busybox:stable\nRUN yes {fault.Tenant.Name} | head -c 190000 && sleep {StepWatch.ForEver()}\n", fault.Platform));
        var little = new V1ResourceRequirements { Limits = new Dictionary<string, ResourceQuantity> { ["ephemeral-storage"] = new("100Ki") } };
        await fault.Tenant.CreateAsync(build with { Spec = build.Spec with { Retries = 0, Job = new JobTemplate { Resources = little } } });

        var failure = await fault.FailsAsync("app", FailureClass.Infrastructure, Reasons.RunnerLost);

        var job = fault.Jobs.Jobs.ShouldHaveSingleItem();
        fault.Evidence.AddSeen("the kubelet's status of the Job's pod", pods.Objects.Select(pod => $"Pod {pod.Metadata.Name}: {pod.Status.Phase} {pod.Status.Reason} {pod.Status.Message}"), "Failed Evicted Pod ephemeral local storage");
        await fault.AddEventsAsync("the kubelet's events", job.Name, "kubelet .* Evicted +Pod ephemeral local storage usage exceeds");
        failure.Message!.ShouldContain("evicted from its node: Pod ephemeral local storage usage exceeds");
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    private static V1ContainerStateTerminated? State(V1Pod pod) => JobContainers.EndOf(pod, JobContainers.Runner);
}
