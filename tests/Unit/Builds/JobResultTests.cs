using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Builds;

/// <summary>What a real kubelet (1.20.2) wrote about pods that failed, each once captured from the local cluster.</summary>
public sealed class JobResultTests
{
    private static readonly BuildOptions Options = BuildFixture.Options;

    [Theory]
    [InlineData("image-missing", FailureClass.Config, Reasons.RunnerImagePullFailed, "slipway/nope:nope")]
    [InlineData("unschedulable", FailureClass.Config, Reasons.RunnerUnschedulable, "spec.job")]
    [InlineData("out-of-memory", FailureClass.Infrastructure, FailureReasons.OutOfMemory, "spec.job.resources.limits.memory")]
    [InlineData("evicted", FailureClass.Infrastructure, Reasons.RunnerLost, "evicted from its node: Pod ephemeral local storage usage exceeds")]
    [InlineData("deadline-exceeded", FailureClass.Timeout, Reasons.TimedOut, "spec.timeout")]
    [InlineData("cannot-start", FailureClass.Config, Reasons.RunnerNotStarted, "kubectl get events -n")]
    [InlineData("config-error", FailureClass.Config, Reasons.RunnerNotStarted, "kubectl get events -n")]
    [InlineData("no-result", FailureClass.Infrastructure, Reasons.RunnerLost, "exit code 7")]
    internal void Of_WhatTheKubeletWrote_IsAFailureThatAPersonCanActOn(string golden, FailureClass failureClass, string reason, string message)
    {
        var pod = Read<V1Pod>(golden);

        var result = At(Created(pod) + Options.UnschedulableAfter).Of(JobOf(pod));

        var failure = result.ShouldNotBeNull().Failure.ShouldNotBeNull();
        (failure.Class, failure.Reason).ShouldBe((failureClass, reason));
        failure.Message.ShouldContain(message);
    }

    [Theory]
    [InlineData("image-missing")]
    [InlineData("unschedulable")]
    [InlineData("config-error")]
    public void Of_WhatMayStillMend_WaitsAndKnowsUntilWhen(string golden)
    {
        var pod = Read<V1Pod>(golden);

        At(Created(pod)).Of(JobOf(pod)).ShouldBeNull();
        JobResult.GivesUpAt(JobOf(pod), Options).ShouldNotBeNull().ShouldBeGreaterThan(Created(pod));
    }

    [Fact]
    public void Of_AJobWhosePodWasRefused_NamesTheCommandThatSaysWhy()
    {
        var job = Read<V1Job>("job-refused");
        var created = new DateTimeOffset(job.Metadata.CreationTimestamp!.Value.ToUniversalTime());

        At(created).Of(new BuildJob(job, [])).ShouldBeNull();
        At(created + Options.UnschedulableAfter).Of(new BuildJob(job, []))!.Failure!.Message
            .ShouldContain("kubectl get events -n capture --field-selector involvedObject.name=refused");
    }

    [Fact]
    public void Of_AJobWhoseNodeIsLost_NamesItAlsoWhereAnotherPodWaits()
    {
        var waits = Read<V1Pod>("unschedulable");
        var lost = new V1Pod { Metadata = new V1ObjectMeta { CreationTimestamp = Created(waits).AddMinutes(-1).UtcDateTime }, Spec = new V1PodSpec { NodeName = "node-7" }, Status = new V1PodStatus { Phase = "Running" } };

        At(Created(waits)).Of(JobOf(waits) with { Pods = [waits, lost], NodeLost = true })!.Failure!.Message.ShouldStartWith("The node node-7 of the Job's pod");
    }

    // A pod that waited for a new node has had no time to pull anything.
    [Fact]
    public void Of_AnImageThatFailsOnALateNode_CountsFromWhenThePodHadOne()
    {
        var pod = Read<V1Pod>("image-missing");
        var scheduled = Created(pod) + TimeSpan.FromMinutes(4);
        pod.Status.Conditions.Single(condition => condition.Type == "PodScheduled").LastTransitionTime = scheduled.UtcDateTime;

        At(scheduled + Options.NotStartedAfter - TimeSpan.FromSeconds(1)).Of(JobOf(pod)).ShouldBeNull();
        JobResult.GivesUpAt(JobOf(pod), Options).ShouldBe(scheduled + Options.NotStartedAfter);
        At(scheduled + Options.NotStartedAfter).Of(JobOf(pod))!.Failure!.Reason.ShouldBe(Reasons.RunnerImagePullFailed);
    }

    [Theory]
    [InlineData(JobRoles.Prepare)]
    [InlineData(JobRoles.Publish)]
    public void Of_AHelperThatTookTooLong_DoesNotBlameTheBuildsTimeout(string role)
    {
        var pod = Read<V1Pod>("deadline-exceeded");
        pod.Metadata.Labels[SlipwayApi.RoleLabel] = role;

        var message = At(Created(pod)).Of(JobOf(pod))!.Failure!.Message;

        message.ShouldNotContain("spec.timeout");
        message.ShouldContain($"{role} Job was stopped after {pod.Spec.ActiveDeadlineSeconds} s");
    }

    private static JobResult At(DateTimeOffset now) => new(Options, now);

    private static BuildJob JobOf(V1Pod pod) =>
        new(new V1Job { Metadata = new V1ObjectMeta { Name = "app", NamespaceProperty = "capture", CreationTimestamp = pod.Metadata.CreationTimestamp } }, [pod]);

    private static DateTimeOffset Created(V1Pod pod) => new(pod.Metadata.CreationTimestamp!.Value.ToUniversalTime());

    private static T Read<T>(string golden) =>
        KubernetesJson.Deserialize<T>(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "pods", $"{golden}.json")));
}
