using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Runner;

namespace Slipway.Tests.E2E.Faults;

/// <summary>
/// The ground of one fault test: a namespace on the suite's pool, what the registry proxy does with its repositories, every Job that is
/// made there, and the evidence.
/// </summary>
internal sealed class Fault : IAsyncDisposable
{
    /// <summary>For a build with its retries, under the load of all tests at once.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private readonly ClusterFixture _fixture;
    private readonly TestRegistry _registry;

    private Fault(ClusterFixture fixture, TestRegistry registry, Tenant tenant, JobWatch jobs, string test)
    {
        _fixture = fixture;
        _registry = registry;
        Tenant = tenant;
        Jobs = jobs;
        Evidence = new Evidence(test, "Faults");
    }

    public Tenant Tenant { get; }

    public JobWatch Jobs { get; }

    public Evidence Evidence { get; }

    /// <summary>What the proxy does with this test's repositories.</summary>
    public RegistryScript Registry => _fixture.Proxy.Of(Tenant);

    /// <summary>The platform that tests of one platform build for.</summary>
    public string Platform => _fixture.Cluster.Platforms[0];

    /// <summary>
    /// On the proxy's plain address, unless another one is given. Jobs run on the first node: who builds for the other one's platform counts
    /// on it, and says so before.
    /// </summary>
    public static async Task<Fault> StartAsync(ClusterFixture fixture, string test, TestRegistry? registry = null, string? password = null, NamespacedName? pool = null)
    {
        registry ??= fixture.Proxy.Plain;
        await Shared.JoinAsync();
        var tenant = await fixture.TenantAsync(registry: registry, password: password, pool: pool);
        return new Fault(fixture, registry, tenant, await JobWatch.StartAsync(fixture.Client, tenant.Name), test);
    }

    public async ValueTask DisposeAsync()
    {
        await Evidence.DisposeAsync();
        await Jobs.DisposeAsync();
        await Tenant.DisposeAsync();
    }

    /// <summary>A build of one platform that is like no other and attests nothing.</summary>
    public V1Alpha1ImageBuild Quick(string name, params string[] platforms) => Sleeping(name, "0", platforms);

    /// <summary>
    /// The same, with a step that sleeps: a number of seconds with a part that no other test has can be found among processes. A shell
    /// waits for it, so there are two of them, of which runc knows the one.
    /// </summary>
    public V1Alpha1ImageBuild Sleeping(string name, string seconds, params string[] platforms)
    {
        var build = Tenant.Inline(name, $"FROM busybox:stable\nRUN echo {Marker} of {Tenant.Name}/{name} > /name && cat /name && sleep {seconds} && echo awake\n", platforms.Length == 0 ? [Platform] : platforms);
        return Without(build);
    }

    /// <summary>Without attestations: the test is about something else.</summary>
    public static V1Alpha1ImageBuild Without(V1Alpha1ImageBuild build) => build with
    {
        Spec = build.Spec with { Attestations = new BuildAttestations { Provenance = "None", Sbom = false } },
    };

    public async Task<ImageBuildStatus> SucceedsAsync(string build)
    {
        var status = (await Tenant.EndOfAsync(build, Patience)).Status!;
        status.Phase.ShouldBe(Phases.Succeeded, $"{build}: {status.Failure?.Reason} {status.Failure?.Message}\n{await LogsAsync()}");
        return status;
    }

    public async Task<BuildFailure> FailsAsync(string build, FailureClass failureClass, string reason)
    {
        var status = (await Tenant.EndOfAsync(build, Patience)).Status!;
        status.Failure.ShouldNotBeNull($"{build} is {status.Phase}");
        (status.Failure!.Class, status.Failure.Reason).ShouldBe((failureClass.ToString(), reason), $"{status.Failure.Message}\n{await LogsAsync()}");
        return status.Failure;
    }

    /// <summary>Returns once status says that an attempt in that role has failed and that another one follows.</summary>
    public Task<V1Alpha1ImageBuild> FailedAttemptAsync(string build, string role) => Wait.UntilAsync($"an attempt to {role} {build} has failed", Patience,
        () => Tenant.ReadAsync(build), seen => seen.Status?.FailedAttempts?.Any(failed => failed.Role == role) is true || seen.Status?.CompletedAt is not null);

    /// <summary>Every Job is one that the builds' statuses account for.</summary>
    public async Task ShouldBeExplainedAsync()
    {
        var builds = await _fixture.Client.ListPageAsync<V1Alpha1ImageBuild>(new ListQuery { Namespace = Tenant.Name }, default);
        Jobs.Unexplained(builds.Items).ShouldBeEmpty();
    }

    /// <summary>What a tag points at, asked of the registry itself and not by way of the proxy.</summary>
    public async Task<string?> TagAsync(string build, string tag = "1")
    {
        using var registry = new RegistryReader(_registry == _fixture.Cluster.Registry ? _registry : _fixture.Cluster.Registry);
        return await registry.DigestAsync(Tenant.Repository(build), tag);
    }

    /// <summary>Returns the Job of a platform once buildctl has printed that its step runs.</summary>
    public async Task<WatchedJob> InTheStepAsync(string build, string? platform = null, int attempt = 1)
    {
        WatchedJob? job = null;
        await Wait.UntilAsync($"{build} is in its step", Patience, async () =>
        {
            job = Jobs.Of(build, JobRoles.Build, platform ?? Platform).ElementAtOrDefault(attempt - 1);
            return job is null ? "" : await LogAsync(job);
        }, log => log.Split('\n').Any(line => line.StartsWith('#') && line.Contains($" {Marker} of ", StringComparison.Ordinal) && !line.Contains("RUN", StringComparison.Ordinal)), TimeSpan.FromSeconds(1));
        return job!;
    }

    /// <summary>What a Job wrote, slipway's own lines and buildctl's; empty while there is nobody to write.</summary>
    public Task<string> LogAsync(WatchedJob job) => _fixture.Logs.OfJobAsync(new(Tenant.Name, job.Name));

    /// <summary>The same of a Job that goes soon: returns once its first line is there, and what it returns ends with the Job's container.</summary>
    public Task<Task<string>> FollowAsync(WatchedJob job) => _fixture.Logs.FollowJobAsync(new(Tenant.Name, job.Name));

    public Task PatchAsync(string build, JsonObject spec) =>
        _fixture.Client.PatchAsync<V1Alpha1ImageBuild>(new(Tenant.Name, build), new JsonObject { ["spec"] = spec }, default);

    /// <summary>What the kubelet and the controllers said of everything whose name begins so, in the build's namespace if no other is named.</summary>
    public async Task<IReadOnlyList<string>> EventsAsync(string name, string? space = null)
    {
        var all = await _fixture.Cluster.KubectlAsync(
            "--namespace", space ?? Tenant.Name, "get", "events", "--sort-by", ".lastTimestamp", "--no-headers",
            "--output", "custom-columns=TIME:.lastTimestamp,SOURCE:.source.component,OBJECT:.involvedObject.name,REASON:.reason,MESSAGE:.message");
        return [.. all.Split('\n').Where(line => line.Contains($" {name}", StringComparison.Ordinal))];
    }

    /// <summary>The same as evidence, once the fault is seen in them: kubelet tells of what it does after it has done it.</summary>
    public async Task AddEventsAsync(string source, string name, [StringSyntax(StringSyntaxAttribute.Regex)] string seen, string? space = null)
    {
        var events = await Wait.UntilAsync($"{source} show {seen}", Patience, () => EventsAsync(name, space), lines => lines.Any(line => Regex.IsMatch(line, seen)), TimeSpan.FromSeconds(1));
        Evidence.AddSeen(source, events, seen);
    }

    /// <summary>The pod of the builder that a Job is on.</summary>
    public Task<V1Pod> BuilderAsync(WatchedJob job) =>
        _fixture.Client.GetAsync<V1Pod>(new(job.Job.Metadata.Labels[SlipwayApi.PoolNamespaceLabel], job.Job.Metadata.Annotations[SlipwayApi.BuilderAnnotation]), default);

    /// <summary>Of every Job, for a failed test: they go with the namespace.</summary>
    private async Task<string> LogsAsync() => string.Concat(await Task.WhenAll(Jobs.Jobs.Select(async job => $"-- {job.Name}\n{await LogAsync(job)}\n")));

    private const string Marker = "asleep";
}
