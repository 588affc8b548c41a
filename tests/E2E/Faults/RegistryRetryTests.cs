using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;

namespace Slipway.Tests.E2E.Faults;

/// <summary>What registries and hosts answer that may pass: the part that met it is tried again, and nothing else is.</summary>
public sealed class RegistryRetryTests(ClusterFixture fixture)
{
    private const string Unavailable = """{"errors":[{"code":"UNAVAILABLE","message":"service unavailable"}]}""";
    private const string TooMany = """{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}""";
    private const string Invalid = """{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}""";

    [Fact]
    public async Task RegistryUnavailable_DuringPush_IsTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryUnavailable_DuringPush_IsTriedAgain));
        using var down = fault.Registry.Add(new("503", "POST", "/blobs/uploads/", ProxiedCall.Answers(503, Unavailable)));
        await fault.Tenant.CreateAsync(fault.Quick("app"));
        await fault.FailedAttemptAsync("app", JobRoles.Build);
        down.Dispose();

        await ShouldSucceedAgainAsync(fault, JobRoles.Build, FailureClass.Registry, @"POST .*/blobs/uploads/: 503 \(503\)", "503 Service Unavailable");
    }

    [Fact]
    public async Task RegistryStopped_DuringPush_IsTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryStopped_DuringPush_IsTriedAgain));
        // From the content of the first blob on there is nobody any more.
        using var cut = fault.Registry.Add(new("cut", "PUT|PATCH", "/blobs/uploads/", ProxiedCall.Cuts()));
        await fault.Tenant.CreateAsync(fault.Quick("app"));
        await fault.FailedAttemptAsync("app", JobRoles.Build);
        cut.Dispose();

        await ShouldSucceedAgainAsync(fault, JobRoles.Build, FailureClass.Registry, @"(PUT|PATCH) .*/blobs/uploads/.*: cut \(cut\)", "failed to push|EOF|connection reset");
    }

    [Fact]
    public async Task RegistryBusy_ForEver_EndsAfterTheRetries()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryBusy_ForEver_EndsAfterTheRetries));
        fault.Registry.Add(new("429", "POST", "/blobs/uploads/", ProxiedCall.Answers(429, TooMany)));
        await fault.Tenant.CreateAsync(fault.Quick("app"));

        await fault.FailsAsync("app", FailureClass.Registry, FailureReasons.RegistryUnavailable);

        fault.Jobs.Of("app", JobRoles.Build).Select(job => job.Attempt).ShouldBe([1, 2, 3]);
        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, @": 429 \(429\)");
        fault.Evidence.AddSeen("buildctl's log of the last attempt", await fault.LogAsync(fault.Jobs.Of("app", JobRoles.Build)[^1]), "429 Too Many Requests");
        (await fault.TagAsync("app")).ShouldBeNull();
        await fault.ShouldBeExplainedAsync();
    }

    [Fact]
    public async Task RegistryFails_BetweenTags_PutsAllOfThem()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryFails_BetweenTags_PutsAllOfThem));
        using var broken = fault.Registry.Add(new("500", "PUT", "/manifests/second$", ProxiedCall.Answers(500, Unavailable)));
        var build = fault.Quick("app", [.. fixture.Cluster.Platforms]);
        await fault.Tenant.CreateAsync(build with { Spec = build.Spec with { Output = build.Spec.Output with { Tags = ["1", "second"] } } });
        await fault.FailedAttemptAsync("app", JobRoles.Publish);
        broken.Dispose();

        var status = await ShouldSucceedAgainAsync(fault, JobRoles.Publish, FailureClass.Registry, @"PUT .*/manifests/second: 500 \(500\)", "registry: .*500");

        (await fault.TagAsync("app", "second")).ShouldBe(status.IndexDigest);
    }

    [Fact]
    public async Task RegistryForgets_WhatWasPushed_IsTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryForgets_WhatWasPushed_IsTriedAgain));
        fault.Registry.Add(new("lost", "GET", "/manifests/sha256:", ProxiedCall.Answers(404)) { Times = 1 });
        await fault.Tenant.CreateAsync(fault.Quick("app"));

        await ShouldSucceedAgainAsync(fault, JobRoles.Build, FailureClass.Registry, @"GET .*/manifests/sha256:.*: 404 \(lost\)", "registry: .*404");
    }

    [Fact]
    public async Task RegistryGone_WhilePublishing_IsTriedAgain()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryGone_WhilePublishing_IsTriedAgain));
        using var gone = fault.Registry.Add(new("gone", "PUT", "/manifests/1$", ProxiedCall.Cuts()));
        await fault.Tenant.CreateAsync(fault.Quick("app", [.. fixture.Cluster.Platforms]));
        await fault.FailedAttemptAsync("app", JobRoles.Publish);
        gone.Dispose();

        await ShouldSucceedAgainAsync(fault, JobRoles.Publish, FailureClass.Registry, @"PUT .*/manifests/1: cut \(gone\)", "registry: ");
    }

    [Fact]
    public async Task RegistryRefusesArtifacts_WithAuto_FallsBackOnce()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryRefusesArtifacts_WithAuto_FallsBackOnce));
        fault.Registry.Add(new("refused", "PUT", "/manifests/sha256:", ProxiedCall.Answers(400, Invalid)) { Times = 1 });
        var build = fault.Quick("app");
        await fault.Tenant.CreateAsync(build with { Spec = build.Spec with { Attestations = new BuildAttestations { Provenance = "Min", Sbom = false } } });

        var status = await fault.SucceedsAsync("app");

        var job = fault.Jobs.Of("app", JobRoles.Build).ShouldHaveSingleItem();
        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, @"PUT .*/manifests/sha256:.*: 400 \(refused\)");
        fault.Evidence.AddSeen("buildctl's log", await fault.LogAsync(job), "400 Bad Request");
        status.Platforms![0].Attestations!.ShouldHaveSingleItem().PredicateType.ShouldStartWith("https://slsa.dev/provenance/");
        status.FailedAttempts.ShouldBeNull();
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
    }

    [Fact]
    public async Task TokenServerUnavailable_ForAWhile_IsTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(TokenServerUnavailable_ForAWhile_IsTriedAgain), fixture.Proxy.WithTokens);
        using var down = fault.Registry.Add(new("no tokens", ".*", "^/token$", ProxiedCall.Answers(503, Unavailable)));
        await fault.Tenant.CreateAsync(fault.Quick("app"));
        await fault.FailedAttemptAsync("app", JobRoles.Build);
        down.Dispose();

        await ShouldSucceedAgainAsync(fault, JobRoles.Build, FailureClass.Registry, @"/token: 503 \(no tokens\)", "token.*503|registry: .*503");
    }

    [Fact]
    public async Task GitHostGone_DuringPrepare_IsTriedAgain()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(GitHostGone_DuringPrepare_IsTriedAgain));
        var (url, commit) = await fixture.Cluster.PushAsync(fault.Tenant.Name, new Dictionary<string, string> { ["Dockerfile"] = "FROM scratch\nCOPY Dockerfile /\n" });
        var real = new Uri(url);
        await using var host = TcpRelay.Closed(fixture.Cluster.HostAddress!, real.Host, real.Port);
        await fault.Tenant.CreateAsync(Fault.Without(fault.Tenant.Git("app", $"http://{host.Address}{real.AbsolutePath}", "main")));
        await fault.FailedAttemptAsync("app", JobRoles.Prepare);
        host.Open();

        var status = await fault.SucceedsAsync("app");

        var attempts = fault.Jobs.Of("app", JobRoles.Prepare);
        fault.Evidence.AddSeen("git's words, first attempt", await fault.LogAsync(attempts[0]), "Failed to connect|Connection refused|Couldn't connect");
        status.FailedAttempts!.ShouldAllBe(failed => failed.Role == JobRoles.Prepare && failed.Class == "Infrastructure" && failed.Reason == FailureReasons.SourceUnreachable);
        status.Commit.ShouldBe(commit);
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
        await fault.ShouldBeExplainedAsync();
    }

    private static async Task<ImageBuildStatus> ShouldSucceedAgainAsync(Fault fault, string role, FailureClass failureClass, string record, string said)
    {
        var status = await fault.SucceedsAsync("app");
        var first = fault.Jobs.Of("app", role)[0];
        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, record);
        fault.Evidence.AddSeen("the log of the first attempt", await fault.LogAsync(first), said);
        status.FailedAttempts!.ShouldAllBe(failed => failed.Role == role && failed.Class == failureClass.ToString());
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
        await fault.ShouldBeExplainedAsync();
        return status;
    }
}
