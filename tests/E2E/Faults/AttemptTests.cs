using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube.Client;
using Slipway.Runner;

namespace Slipway.Tests.E2E.Faults;

/// <summary>What happens to a build's Job, its pod and its steps: what may pass is tried again, and no more often than that.</summary>
public sealed class AttemptTests(ClusterFixture fixture)
{
    [Fact]
    public async Task JobDeleted_InAStep_IsTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(JobDeleted_InAStep_IsTriedAgain));
        await fault.Tenant.CreateAsync(fault.Sleeping("app", StepWatch.Seconds(5)));
        var first = await fault.InTheStepAsync("app");
        var log = await fault.FollowAsync(first);

        fault.Evidence.Add("kubectl delete job", await DeleteAsync(fault, "job", first.Name));
        var status = await fault.SucceedsAsync("app");

        await ShouldBeSeenAsync(fault, first, await log);
        ShouldBeTheSecondAttempt(fault, status, Reasons.RunnerLost);
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
        await fault.ShouldBeExplainedAsync();
    }

    [Fact]
    public Task PodDeleted_InAStep_IsTriedAgain() => PodDeletedAsync(nameof(PodDeleted_InAStep_IsTriedAgain));

    [Fact]
    public Task PodDeletedWithoutGrace_InAStep_IsTriedAgain() => PodDeletedAsync(nameof(PodDeletedWithoutGrace_InAStep_IsTriedAgain), "--grace-period=0", "--force");

    private async Task PodDeletedAsync(string test, params string[] how)
    {
        await using var fault = await Fault.StartAsync(fixture, test);
        await using var pods = await Recording<V1Pod>.StartAsync(fixture.Client, fault.Tenant.Name);
        await fault.Tenant.CreateAsync(fault.Sleeping("app", StepWatch.Seconds(5)));
        var first = await fault.InTheStepAsync("app");

        var deleted = await PodOfAsync(fault, first);
        fault.Evidence.Add("kubectl delete pod", await DeleteAsync(fault, "pod", deleted.Metadata.Name, how));
        var status = await fault.SucceedsAsync("app");

        await fault.AddEventsAsync("the kubelet's events", deleted.Metadata.Name, "kubelet .* Killing +Stopping container");
        fault.Evidence.Add("the API server's watch of the Jobs", fault.Jobs.Lines());
        fault.Evidence.AddSeen("the API server's watch of the pods", pods.Seen.Select(Line).Distinct(), $"{deleted.Metadata.Name} .*(told to go|gone)");
        var jobs = fault.Jobs.Of("app", JobRoles.Build);
        // Before Kubernetes 1.27 a Job knows nothing of a pod that is gone and starts another one, often before the operator has read what
        // the first one said; since then it has failed with it.
        pods.Objects.Count.ShouldBeGreaterThanOrEqualTo(2);
        pods.Objects.Select(pod => pod.Metadata.OwnerReferences[0].Uid).Distinct().ShouldBe(jobs.Select(job => job.Uid), ignoreOrder: true);
        jobs.Count.ShouldBeInRange(1, 2);
        (status.FailedAttempts ?? []).Count.ShouldBe(jobs.Count - 1);
        (status.FailedAttempts ?? []).ShouldAllBe(failed => failed.Class == nameof(FailureClass.Infrastructure));
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
        await fault.ShouldBeExplainedAsync();
    }

    [Fact]
    public async Task StepFails_WithAnExitCode_IsNotTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(StepFails_WithAnExitCode_IsNotTriedAgain));
        await fault.Tenant.CreateAsync(Fault.Without(fault.Tenant.Inline("app", "FROM busybox:stable\nRUN exit 7\n", fault.Platform)));

        var failure = await fault.FailsAsync("app", FailureClass.User, FailureReasons.RunStepFailed);

        var job = fault.Jobs.Jobs.ShouldHaveSingleItem();
        fault.Evidence.AddSeen("buildctl's log", await fault.LogAsync(job), "did not complete successfully: exit code: 7");
        failure.ExitCode.ShouldBe(7);
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    [Fact]
    public async Task StepKilled_EveryTime_EndsAfterTheRetries()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(StepKilled_EveryTime_EndsAfterTheRetries));
        await fault.Tenant.CreateAsync(Fault.Without(fault.Tenant.Inline("app", "FROM busybox:stable\nRUN kill -9 $$\n", fault.Platform)));

        var failure = await fault.FailsAsync("app", FailureClass.Infrastructure, FailureReasons.OutOfMemory);

        var jobs = fault.Jobs.Of("app", JobRoles.Build);
        foreach (var job in jobs) fault.Evidence.AddSeen($"buildctl's log, attempt {job.Attempt}", await fault.LogAsync(job), "exit code: 137");
        failure.ExitCode.ShouldBe(137);
        jobs.Count.ShouldBe(3);
        var failed = (await fault.Tenant.ReadAsync("app")).Status!.FailedAttempts.ShouldNotBeNull();
        failed.ShouldAllBe(attempt => attempt.Class == nameof(FailureClass.Infrastructure) && attempt.Reason == FailureReasons.OutOfMemory);
        // Both times are of whole seconds.
        var pauses = failed.Zip(jobs.Skip(1), (attempt, next) => next.Job.Metadata.CreationTimestamp!.Value - attempt.At!.Value).ToList();
        pauses[0].ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(3));
        pauses[1].ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(15));
        await fault.ShouldBeExplainedAsync();
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    private static async Task ShouldBeSeenAsync(Fault fault, WatchedJob job, string log)
    {
        await fault.AddEventsAsync("the kubelet's events", job.Name, "kubelet .* Killing +Stopping container");
        fault.Evidence.AddSeen("the first attempt's log", log, "Stopping buildctl: Interrupted");
        fault.Evidence.Add("the API server's watch of the Jobs", fault.Jobs.Lines());
    }

    private static void ShouldBeTheSecondAttempt(Fault fault, ImageBuildStatus status, string reason)
    {
        fault.Jobs.Of("app", JobRoles.Build).Select(job => job.Attempt).ShouldBe([1, 2]);
        var failed = status.FailedAttempts.ShouldNotBeNull().ShouldHaveSingleItem();
        (failed.Class, failed.Reason).ShouldBe((nameof(FailureClass.Infrastructure), reason));
    }

    private static string Line(Seen<V1Pod> seen) =>
        $"Pod {seen.Object.Metadata.Name} of Job {seen.Object.Metadata.OwnerReferences[0].Name}: {seen.Object.Status?.Phase}{(seen.Object.Metadata.DeletionTimestamp is null ? "" : ", told to go")}{(seen.Kind == WatchEventKind.Deleted ? ", gone" : "")}";

    private Task<string> DeleteAsync(Fault fault, string kind, string name, params string[] how) =>
        fixture.Cluster.KubectlAsync(["--namespace", fault.Tenant.Name, "delete", kind, name, "--wait=false", .. how]);

    private async Task<V1Pod> PodOfAsync(Fault fault, WatchedJob job) =>
        (await fixture.Client.ListPageAsync<V1Pod>(new() { Namespace = fault.Tenant.Name, LabelSelector = $"job-name={job.Name}" }, default)).Items.ShouldHaveSingleItem();
}
