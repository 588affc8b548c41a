using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;

namespace Slipway.Tests.E2E.Faults;

/// <summary>A build whose time is over, which has to have time for two attempts beside all other tests.</summary>
public sealed class TimeoutTests(ClusterFixture fixture)
{
    [Fact]
    public async Task Timeout_OverAllAttempts_EndsItsProcessesFirst()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(Timeout_OverAllAttempts_EndsItsProcessesFirst));
        var marker = StepWatch.ForEver();
        var build = fault.Sleeping("app", marker);
        await fault.Tenant.CreateAsync(build with { Spec = build.Spec with { Timeout = "2m" } });
        var first = await fault.InTheStepAsync("app");
        fault.Evidence.Add("kubectl delete job", await fixture.Cluster.KubectlAsync("--namespace", fault.Tenant.Name, "delete", "job", first.Name, "--wait=false"));
        var second = await fault.InTheStepAsync("app", attempt: 2);
        await using var step = await StepWatch.StartAsync(fixture, fault, second, marker);
        await Wait.UntilAsync("the time is over", TimeSpan.FromMinutes(3), () => fault.LogAsync(second), log => log.Contains("Stopping buildctl", StringComparison.Ordinal));

        await step.ShouldEndBeforeAsync("app", Phases.Failed, status => status.Phase == Phases.Failed);

        var failure = await fault.FailsAsync("app", FailureClass.Timeout, Reasons.TimedOut);
        fault.Evidence.Add("the API server's watch of the Jobs", fault.Jobs.Lines());
        fault.Evidence.AddSeen("the second attempt's log", await fault.LogAsync(second), "Stopping buildctl: TimedOut");
        failure.Message!.ShouldContain("spec.timeout");
        var status = (await fault.Tenant.ReadAsync("app")).Status!;
        (status.CompletedAt!.Value - status.StartedAt!.Value).ShouldBeInRange(TimeSpan.FromSeconds(120), TimeSpan.FromSeconds(150));
        fault.Jobs.Of("app", JobRoles.Build).Count.ShouldBe(2);
        await fault.ShouldBeExplainedAsync();
        (await fault.TagAsync("app")).ShouldBeNull();
    }
}
