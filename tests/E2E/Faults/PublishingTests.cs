using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube.Client;
using Slipway.Runner;
using Slipway.Tests.E2E.Farm;

namespace Slipway.Tests.E2E.Faults;

/// <summary>What happens while tags are put.</summary>
public sealed class PublishingTests(ClusterFixture fixture)
{
    private const string Tag = "/manifests/1$";

    [Fact]
    public async Task PublishJobDeleted_WhilePublishing_PublishesAgain()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(PublishJobDeleted_WhilePublishing_PublishesAgain));
        await using var pods = await Recording<V1Pod>.StartAsync(fixture.Client, fault.Tenant.Name);
        using var held = new ManualGate();
        var rule = new RegistryRule("held back", "HEAD", Tag, ProxiedCall.WaitsFor(() => held.Opened)) { Times = 1 };
        fault.Registry.Add(rule);
        await fault.Tenant.CreateAsync(fault.Quick("app", [.. fixture.Cluster.Platforms]));
        var first = await HeldAsync(fault, rule);

        fault.Evidence.Add("kubectl delete job", await fixture.Cluster.KubectlAsync("--namespace", fault.Tenant.Name, "delete", "job", first.Name, "--wait=false"));
        var status = await fault.SucceedsAsync("app");

        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, @"HEAD .*/manifests/1: .*\(held back\)");
        // Not by kubelet's events: of a container that has just begun it does not always tell.
        fault.Evidence.AddSeen("the API server's watch of the pods", pods.Lines(), $"Pod {first.Name}.* deletionTimestamp");
        var jobs = fault.Jobs.Of("app", JobRoles.Publish);
        fault.Evidence.Add("the second publish Job's log", await fault.LogAsync(jobs[^1]));
        fault.Evidence.Add("the API server's watch of the Jobs", fault.Jobs.Lines());
        jobs.Select(job => job.Attempt).ShouldBe([1, 2]);
        fault.Jobs.Of("app", JobRoles.Build).Count.ShouldBe(fixture.Cluster.Platforms.Count);
        var failed = status.FailedAttempts.ShouldNotBeNull().ShouldHaveSingleItem();
        (failed.Role, failed.Class, failed.Reason).ShouldBe((JobRoles.Publish, nameof(FailureClass.Infrastructure), Reasons.RunnerLost));
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
        await fault.ShouldBeExplainedAsync();
    }

    [Fact]
    public async Task Cancel_WhilePublishing_ComesTooLate()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(Cancel_WhilePublishing_ComesTooLate));
        using var held = new ManualGate();
        var rule = new RegistryRule("held back", "HEAD", Tag, ProxiedCall.WaitsFor(() => held.Opened)) { Times = 1 };
        fault.Registry.Add(rule);
        await fault.Tenant.CreateAsync(fault.Quick("app", [.. fixture.Cluster.Platforms]));
        var publish = await HeldAsync(fault, rule);

        await fault.PatchAsync("app", new JsonObject { ["cancel"] = true });
        await Wait.UntilAsync("the operator has seen spec.cancel", Fault.Patience, () => fault.Tenant.ReadAsync("app"), build => build.Status?.ObservedGeneration == 2);
        var beside = (await fault.Tenant.ReadAsync("app")).Status!;
        held.Open();
        var status = await fault.SucceedsAsync("app");

        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, @"HEAD .*/manifests/1: .* \(held back\)");
        fault.Evidence.AddSeen("the publish Job's log", await fault.LogAsync(publish), $"1 -> {status.IndexDigest}");
        beside.Phase.ShouldBe(Phases.Publishing);
        fault.Jobs.Jobs.Count.ShouldBe(fixture.Cluster.Platforms.Count + 1);
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
        await fault.ShouldBeExplainedAsync();
    }

    [Fact]
    public async Task PublishThatSlept_AfterANewerOne_MovesNoTag()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(PublishThatSlept_AfterANewerOne_MovesNoTag));
        using var asleep = new ManualGate();
        // Its second look at the tag, right before it puts it: the first one was asked for a password before.
        var rule = new RegistryRule("held back", "HEAD", Tag, ProxiedCall.WaitsFor(() => asleep.Opened)) { After = 2, Times = 1 };
        fault.Registry.Add(rule);
        var build = fault.Quick("app", [.. fixture.Cluster.Platforms]);
        // One that follows would begin after the newer one, and put the tag like any build that begins then.
        await fault.Tenant.CreateAsync(build with { Spec = build.Spec with { Retries = 0 } });
        var publish = await HeldAsync(fault, rule);
        // Whoever pushes to this tag: a build of another cluster, say, which is done while this one sleeps.
        var newer = (await fault.Tenant.ReadAsync("app")).Status!.Platforms![0].PushedDigest!;
        using (var registry = new RegistryReader(fixture.Cluster.Registry)) await registry.TagAsync(fault.Tenant.Repository("app"), "1", newer);
        (await fault.TagAsync("app")).ShouldBe(newer);
        asleep.Open();

        await fault.FailsAsync("app", FailureClass.Registry, FailureReasons.TagMoved);

        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, @"HEAD .*/manifests/1: 200 \(held back\)");
        fault.Registry.Record.ShouldNotContain(line => line.Contains(" PUT ", StringComparison.Ordinal) && line.Contains("/manifests/1:", StringComparison.Ordinal));
        fault.Evidence.AddSeen("the publish Job's log", await fault.LogAsync(publish), $"1 pointed at nothing when this run began and points at {newer} now: it is left alone");
        (await fault.TagAsync("app")).ShouldBe(newer);
        await fault.ShouldBeExplainedAsync();
    }

    [Fact]
    public async Task TwoBuilds_WithOneTag_KeepTheirOwnDigests()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(TwoBuilds_WithOneTag_KeepTheirOwnDigests));
        string[] names = ["one", "other"];
        await Task.WhenAll(names.Select(name => fault.Tenant.CreateAsync(Together(fault, name))));

        var ends = new List<ImageBuildStatus>();
        foreach (var name in names) ends.Add((await fault.Tenant.EndOfAsync(name, Fault.Patience)).Status!);

        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, "PUT .*/manifests/1: 201");
        fault.Evidence.Add("the API server's watch of the Jobs", fault.Jobs.Lines());
        foreach (var job in fault.Jobs.Jobs) fault.Evidence.Add($"the log of {job.Name}", await fault.LogAsync(job));
        var tag = await fault.TagAsync("both");
        // Neither is the older of two that were created in one second; else the older may come after the newer, and then leaves the tag to it.
        ends.Count(end => end.Phase == Phases.Succeeded).ShouldBeGreaterThan(0);
        if (ends[0].RequestedAt == ends[1].RequestedAt) ends.ShouldAllBe(end => end.Phase == Phases.Succeeded);
        else ends.ShouldAllBe(end => end.Phase == Phases.Succeeded || (end.Phase == Phases.Superseded && end.RequestedAt < ends.Max(other => other.RequestedAt)));
        ends.Where(end => end.Phase == Phases.Succeeded).Select(end => end.IndexDigest).ShouldContain(tag);
        var digests = ends.SelectMany(end => end.Platforms!.Select(platform => platform.PushedDigest)).ToList();
        digests.ShouldBeUnique();
        using var registry = new RegistryReader(fixture.Cluster.Registry);
        foreach (var digest in digests) (await registry.DigestAsync(fault.Tenant.Repository("both"), digest!)).ShouldBe(digest);
        ends.SelectMany(end => end.FailedAttempts ?? []).ShouldBeEmpty();
        await fault.ShouldBeExplainedAsync();
    }

    [Fact]
    public async Task NewerBuildOfTheTag_GoneWhenTheOlderPublishes_KeepsTheTag()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(NewerBuildOfTheTag_GoneWhenTheOlderPublishes_KeepsTheTag));
        await using var builds = await Recording<V1Alpha1ImageBuild>.StartAsync(fixture.Client, fault.Tenant.Name);
        await fault.Tenant.CreateAsync(Both(fault, fault.Sleeping("older", StepWatch.Seconds(60), [.. fixture.Cluster.Platforms])));
        await fault.InTheStepAsync("older");

        var quick = Both(fault, fault.Quick("newer"));
        await fault.Tenant.CreateAsync(quick with { Spec = quick.Spec with { TtlAfterFinished = "0s" } });
        var newer = await Wait.UntilAsync("the newer one is gone", Fault.Patience, () => Task.FromResult(builds.Seen.FirstOrDefault(seen => seen.Kind == WatchEventKind.Deleted)), gone => gone is not null);
        var put = newer!.Object.Status!.IndexDigest;
        var failure = await fault.FailsAsync("older", FailureClass.Cancelled, Reasons.Superseded);

        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, "PUT .*/manifests/1: 201");
        fault.Evidence.AddSeen("the API server's watch of the builds", builds.Seen.Select(seen => $"{seen.Kind} {seen.Object.Metadata.Name}: {seen.Object.Status?.Phase ?? "new"}, supersededTags [{string.Join(' ', seen.Object.Status?.SupersededTags ?? [])}]"), "Deleted newer: Succeeded");
        fault.Evidence.Add("the API server's watch of the Jobs", fault.Jobs.Lines());
        builds.Seen.First(seen => seen.Object.Status?.SupersededTags is ["1"]).Revision.ShouldBeLessThan(newer.Revision);
        failure.Message!.ShouldContain("Newer builds have put all of this one's tags");
        fault.Registry.Record.Count(line => line.Contains("PUT ", StringComparison.Ordinal) && line.Contains("/manifests/1:", StringComparison.Ordinal)).ShouldBe(1);
        fault.Jobs.Of("older", JobRoles.Publish).ShouldBeEmpty();
        (await fault.TagAsync("both")).ShouldBe(put);
    }

    /// <summary>All of them push at about the same time.</summary>
    private static V1Alpha1ImageBuild Together(Fault fault, string name) => Both(fault, fault.Sleeping(name, "3"));

    /// <summary>Of one repository, and so with one tag.</summary>
    private static V1Alpha1ImageBuild Both(Fault fault, V1Alpha1ImageBuild build) =>
        build with { Spec = build.Spec with { Output = build.Spec.Output with { Image = fault.Tenant.Repository("both") } } };

    /// <summary>The publish Job whose request waits for the test.</summary>
    private static async Task<WatchedJob> HeldAsync(Fault fault, RegistryRule rule)
    {
        await Wait.UntilAsync("the publish Job is held back", Fault.Patience, () => Task.FromResult(rule.Taken), taken => taken == 1);
        return (await Wait.UntilAsync("it is known", Fault.Patience, () => Task.FromResult(fault.Jobs.Of("app", JobRoles.Publish)), jobs => jobs.Count == 1))[0];
    }
}
