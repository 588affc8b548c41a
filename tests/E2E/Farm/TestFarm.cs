using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;

namespace Slipway.Tests.E2E.Farm;

/// <summary>A pool in a namespace of a test's own, with builds that sleep, and everything that the API server tells of its Jobs and builders.</summary>
internal sealed partial class TestFarm : IAsyncDisposable
{
    /// <summary>For a builder to come, be drained and go: under the load of all tests at once.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly ClusterFixture _fixture;
    private readonly Tenant _tenant;

    private TestFarm(ClusterFixture fixture, Tenant tenant, NamespacedName pool)
    {
        _fixture = fixture;
        _tenant = tenant;
        Pool = pool;
    }

    public NamespacedName Pool { get; }

    public Tenant Tenant => _tenant;

    /// <summary>Build Jobs of this pool, in whatever namespace.</summary>
    public required Recording<V1Job> Jobs { get; init; }

    public required Recording<V1Pod> Builders { get; init; }

    /// <summary>Returns when it is Ready. Nobody strikes the operator until the test is over, but the test itself where it has said so.</summary>
    public static async Task<TestFarm> StartAsync(ClusterFixture fixture, params PoolPlatform[] platforms)
    {
        await Shared.JoinAsync(Use.CountsOn);
        var pool = new NamespacedName($"farm-{Guid.NewGuid():N}"[..16], "farm");
        var tenant = await fixture.TenantAsync(pool: pool, name: pool.Namespace);
        var farm = new TestFarm(fixture, tenant, pool)
        {
            Jobs = await Recording<V1Job>.StartAsync(fixture.Client, null, $"{SlipwayApi.PoolNamespaceLabel}={pool.Namespace}"),
            Builders = await Recording<V1Pod>.StartAsync(fixture.Client, pool.Namespace, $"{SlipwayApi.ComponentLabel}={SlipwayApi.BuilderComponent}"),
        };
        var shared = fixture.Pool(pool);
        await fixture.Client.CreateAsync(shared with { Spec = shared.Spec with { Platforms = platforms, Cache = null, Scaling = new PoolScaling { IdleAfter = "10s" } } }, default);
        await farm.PoolAsync("Ready", seen => seen.Status?.ObservedGeneration == seen.Metadata.Generation && seen.Status?.Conditions.IsTrue(Conditions.Ready) is true);
        return farm;
    }

    public static PoolPlatform Platform(string platform, int builders, int slots) => Platform(platform, builders, builders, slots);

    public static PoolPlatform Platform(string platform, int min, int max, int slots) =>
        new() { Platform = platform, Replicas = new PoolReplicas { Min = min, Max = max }, BuildsPerBuilder = slots };

    public async ValueTask DisposeAsync()
    {
        await Jobs.DisposeAsync();
        await Builders.DisposeAsync();
        await _tenant.DisposeAsync();
    }

    public Task<V1Alpha1BuilderPool> ReadPoolAsync() => _fixture.Client.GetAsync<V1Alpha1BuilderPool>(Pool, default);

    public Task<V1Alpha1BuilderPool> PoolAsync(string isWhat, Func<V1Alpha1BuilderPool, bool> isSo, TimeSpan? limit = null) =>
        Wait.UntilAsync($"pool {Pool} is {isWhat}", limit ?? Patience, ReadPoolAsync, isSo);

    /// <summary>The first platform of the pool's status.</summary>
    public Task<V1Alpha1BuilderPool> PlatformAsync(string isWhat, Func<PoolPlatformStatus, bool> isSo, TimeSpan? limit = null) =>
        PoolAsync(isWhat, pool => pool.Status?.Platforms is [var first, ..] && isSo(first), limit);

    public Task PatchAsync(JsonObject spec) => _fixture.Client.PatchAsync<V1Alpha1BuilderPool>(Pool, new JsonObject { ["spec"] = spec }, default);

    /// <summary>A build that sleeps and is like no other: nothing of it comes from a cache.</summary>
    public V1Alpha1ImageBuild Sleeping(string name, int seconds, string? platform = null) => Sleeping(_tenant, name, seconds, platform);

    public V1Alpha1ImageBuild Sleeping(Tenant tenant, string name, int seconds, string? platform = null) =>
        Plain(tenant.Inline(name, string.Create(CultureInfo.InvariantCulture, $"FROM busybox:stable\nRUN echo {Marker} of {tenant.Name}/{name} && sleep {seconds}\n"), platform ?? _fixture.Cluster.Platforms[0]));

    /// <summary>Nothing attested: the test is about the farm.</summary>
    public static V1Alpha1ImageBuild Plain(V1Alpha1ImageBuild build) => build with
    {
        Spec = build.Spec with { Attestations = new BuildAttestations { Provenance = "None", Sbom = false } },
    };

    public Task CreateAsync(params IEnumerable<V1Alpha1ImageBuild> builds) => Task.WhenAll(builds.Select(build => _fixture.Client.CreateAsync(build, default)));

    public Task DeleteAsync(string build) => _fixture.Client.DeleteAsync<V1Alpha1ImageBuild>(new NamespacedName(Pool.Namespace, build), null, PropagationPolicy.Background, default);

    /// <summary>Its Job's end is recorded then, too: the operator sees it in the pod, a moment before the Job controller writes it.</summary>
    public async Task<V1Alpha1ImageBuild> SucceedsAsync(string name)
    {
        var build = await _tenant.EndOfAsync(name, Patience);
        build.Status!.Phase.ShouldBe(Phases.Succeeded, $"{name}: {build.Status.Failure?.Message}");
        await JobsAsync($"{name}'s has ended", lives => lives.Any(life => life.Build == name && life.Ended is not null));
        return build;
    }

    public async Task AllSucceedAsync(TimeSpan limit)
    {
        var builds = await Wait.UntilAsync("all builds have ended", limit, BuildsAsync,
            seen => seen.All(build => build.Status?.Conditions.IsTrue(Conditions.Complete) is true));
        builds.ShouldAllBe(build => build.Status!.Phase == Phases.Succeeded);
        await JobsAsync("all have ended", lives => lives.All(life => life.Ended is not null));
    }

    private Task<IReadOnlyList<JobLife>> JobsAsync(string isWhat, Func<IReadOnlyList<JobLife>, bool> isSo) =>
        Wait.UntilAsync($"of the Jobs {isWhat}", Patience, () => Task.FromResult(Jobs.Lives()), isSo);

    public async Task<IReadOnlyList<V1Alpha1ImageBuild>> BuildsAsync() =>
        (await _fixture.Client.ListPageAsync<V1Alpha1ImageBuild>(new ListQuery { Namespace = Pool.Namespace }, default)).Items;

    /// <summary>Returns the Job once buildctl has printed that the step runs.</summary>
    public async Task<JobLife> InTheStepAsync(string build)
    {
        await Wait.UntilAsync($"{build} is in its step", Patience, () => LogAsync(build), log => StepOutput().IsMatch(log), TimeSpan.FromSeconds(1));
        return JobOf(build);
    }

    public JobLife JobOf(string build) => Jobs.Lives().Single(life => life.Build == build);

    /// <summary>What buildctl wrote; empty while there is nobody to write.</summary>
    public async Task<string> LogAsync(string build) =>
        Jobs.Lives().FirstOrDefault(life => life.Build == build) is { } life ? await _fixture.Logs.OfJobAsync(NamespacedName.Of(life.Job)) : "";

    /// <summary>What the kubelet and the controllers said of a pod of this name.</summary>
    public Task<string> EventsAsync(string pod) => _fixture.Cluster.KubectlAsync(
        "--namespace", Pool.Namespace, "get", "events", "--field-selector", $"involvedObject.name={pod}", "--sort-by", ".lastTimestamp",
        "--output", "custom-columns=TIME:.lastTimestamp,SOURCE:.source.component,HOST:.source.host,REASON:.reason,MESSAGE:.message");

    private const string Marker = "asleep";

    /// <summary>The step's own output, not the line of the Dockerfile that it is in.</summary>
    [GeneratedRegex(@"^#\d+ \d+\.\d+ " + Marker + " of ", RegexOptions.Multiline)]
    private static partial Regex StepOutput();
}
