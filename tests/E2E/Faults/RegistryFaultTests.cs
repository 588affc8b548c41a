using Slipway.Builds;
using Slipway.Runner;

namespace Slipway.Tests.E2E.Faults;

/// <summary>What registries answer that is no fault of the build.</summary>
public sealed class RegistryFaultTests(ClusterFixture fixture)
{
    private const string Unauthorized = """{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}""";
    private const string Denied = """{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}""";
    private const string TooMany = """{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}""";

    private const string Uploads = "/blobs/uploads/";

    [Fact]
    public async Task RegistryRefusesCredentials_DuringPush_IsNotTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryRefusesCredentials_DuringPush_IsNotTriedAgain));
        fault.Registry.Add(new("401", "POST", Uploads, ProxiedCall.Answers(401, Unauthorized, ("WWW-Authenticate", "Basic realm=\"slipway\""))));
        await fault.Tenant.CreateAsync(fault.Quick("app"));

        await fault.FailsAsync("app", FailureClass.Config, FailureReasons.RegistryUnauthorized);

        await ShouldHaveOneAttemptAsync(fault, "401", "401 Unauthorized");
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    [Fact]
    public async Task RegistryForbids_DuringPush_IsNotTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryForbids_DuringPush_IsNotTriedAgain));
        fault.Registry.Add(new("403", "POST", Uploads, ProxiedCall.Answers(403, Denied)));
        await fault.Tenant.CreateAsync(fault.Quick("app"));

        await fault.FailsAsync("app", FailureClass.Config, FailureReasons.RegistryUnauthorized);

        await ShouldHaveOneAttemptAsync(fault, "403", "403 Forbidden|denied");
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    [Fact]
    public async Task RegistryBusy_WithRetryAfter_IsWaitedFor()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryBusy_WithRetryAfter_IsWaitedFor));
        // Longer than it would wait by itself.
        var busy = new RegistryRule("429, Retry-After: 5", "PUT", "/manifests/1$", ProxiedCall.Answers(429, TooMany, ("Retry-After", "5"))) { Times = 2 };
        fault.Registry.Add(busy);
        await fault.Tenant.CreateAsync(fault.Quick("app", [.. fixture.Cluster.Platforms]));

        var status = await fault.SucceedsAsync("app");

        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, @"PUT .*/manifests/1: 429 \(429, Retry-After: 5\)");
        var publish = fault.Jobs.Of("app", JobRoles.Publish).ShouldHaveSingleItem();
        fault.Evidence.Add("the publish Job's log", await fault.LogAsync(publish));
        busy.Taken.ShouldBe(2);
        var asked = fault.Registry.Requests.Where(request => request.Method == "PUT" && request.Path.EndsWith("/manifests/1", StringComparison.Ordinal)).Select(request => request.Ended).ToList();
        asked.Count.ShouldBe(3);
        asked.Zip(asked.Skip(1), (first, second) => second - first).ShouldAllBe(pause => pause >= TimeSpan.FromSeconds(5));
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
    }

    [Fact]
    public async Task RegistrySlow_AllTheTime_OnlyTakesLonger()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistrySlow_AllTheTime_OnlyTakesLonger));
        fault.Registry.Add(new("late", ".*", ".*", ProxiedCall.Waits(TimeSpan.FromSeconds(2))));
        await fault.Tenant.CreateAsync(fault.Quick("app", [.. fixture.Cluster.Platforms]));

        var status = await fault.SucceedsAsync("app");

        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, @"PUT .*: 201 \(late\), 2\d\d\d ms");
        fault.Registry.Requests.ShouldAllBe(request => request.Rule == "late");
        fault.Jobs.Jobs.Count.ShouldBe(fixture.Cluster.Platforms.Count + 1);
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
    }

    [Fact]
    public async Task RegistryUntrusted_WithoutItsCa_IsNotTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryUntrusted_WithoutItsCa_IsNotTriedAgain), fixture.Proxy.WithTls);
        var build = fault.Quick("app");
        await fault.Tenant.CreateAsync(build with { Spec = build.Spec with { Output = build.Spec.Output with { Ca = null } } });

        var failure = await fault.FailsAsync("app", FailureClass.Config, FailureReasons.RegistryUntrusted);

        var job = fault.Jobs.Jobs.ShouldHaveSingleItem();
        fault.Evidence.AddSeen("the Job's log", await fault.LogAsync(job), "not trusted");
        fault.Registry.Requests.ShouldBeEmpty("it looks at the tags before it builds for nothing");
        failure.Message!.ShouldContain("output.ca");
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    [Fact]
    public async Task RegistryUntrusted_ByTheBuilder_IsNotTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryUntrusted_ByTheBuilder_IsNotTriedAgain), fixture.Proxy.StrangeToThePool);
        await fault.Tenant.CreateAsync(fault.Quick("app"));

        var failure = await fault.FailsAsync("app", FailureClass.Config, FailureReasons.RegistryUntrusted);

        var job = fault.Jobs.Jobs.ShouldHaveSingleItem();
        fault.Evidence.AddSeen("buildctl's log", await fault.LogAsync(job), "x509: certificate signed by unknown authority");
        failure.Message!.ShouldContain("the pool's registries");
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    [Fact]
    public async Task RegistryOfAPrivateCa_ThatIsGiven_IsTrusted()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryOfAPrivateCa_ThatIsGiven_IsTrusted), fixture.Proxy.WithTls);
        await fault.Tenant.CreateAsync(fault.Quick("app", [.. fixture.Cluster.Platforms]));

        var status = await fault.SucceedsAsync("app");

        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, "PUT .*/manifests/1: 201");
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
    }

    [Fact]
    public async Task RegistryWithATokenService_IsAskedWithItsTokens()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryWithATokenService_IsAskedWithItsTokens), fixture.Proxy.WithTokens);
        await fault.Tenant.CreateAsync(fault.Quick("app", [.. fixture.Cluster.Platforms]));

        var status = await fault.SucceedsAsync("app");

        fault.Evidence.AddSeen("the registry's record: it challenges", fault.Registry.Record, "HEAD .*/blobs/.*: 401");
        fault.Registry.Record.ShouldContain(line => line.Contains(" /token: 200", StringComparison.Ordinal));
        fault.Registry.Record.ShouldContain(line => line.Contains("/manifests/1: 201", StringComparison.Ordinal));
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
    }

    [Fact]
    public async Task RegistryWithATokenService_ThatRefusesThePassword_IsNotTriedAgain()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(RegistryWithATokenService_ThatRefusesThePassword_IsNotTriedAgain), fixture.Proxy.WithTokens, password: "wrong");
        await fault.Tenant.CreateAsync(fault.Quick("app"));

        await fault.FailsAsync("app", FailureClass.Config, FailureReasons.RegistryUnauthorized);

        var job = fault.Jobs.Jobs.ShouldHaveSingleItem();
        fault.Evidence.AddSeen("the token service's record", fault.Registry.Record, "/token: 401");
        fault.Evidence.AddSeen("buildctl's log", await fault.LogAsync(job), "failed to fetch oauth token|401 Unauthorized");
        (await fault.TagAsync("app")).ShouldBeNull();
    }

    private static async Task ShouldHaveOneAttemptAsync(Fault fault, string rule, string said)
    {
        var job = fault.Jobs.Jobs.ShouldHaveSingleItem();
        fault.Evidence.AddSeen("the registry's record", fault.Registry.Record, $": {rule} \\({rule}\\)");
        fault.Evidence.AddSeen("buildctl's log", await fault.LogAsync(job), said);
        await fault.ShouldBeExplainedAsync();
    }
}
