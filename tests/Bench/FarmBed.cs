using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Tests.E2E;

namespace Slipway.Bench;

/// <summary>The local cluster with the operator from its chart: for what only real builders can show.</summary>
internal sealed class FarmBed : IAsyncDisposable
{
    private readonly LocalCluster _cluster = new();
    private KubeClient? _client;

    public LocalCluster Cluster => _cluster;

    public KubeClient Client => _client!;

    public static async Task<FarmBed> StartAsync()
    {
        var bed = new FarmBed();
        await bed._cluster.StartAsync();
        var config = KubernetesClientConfiguration.BuildConfigFromConfigFile(bed._cluster.Kubeconfig);
        bed._client = new KubeClient(new OperatorOptions { Cluster = config, FieldManager = "bench" }, TimeProvider.System);
        return bed;
    }

    public async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        await _cluster.DisposeAsync();
    }
}

/// <summary>A pool in a namespace of its own, and the builds that are timed on it.</summary>
internal sealed class BenchPool : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly FarmBed _bed;
    private readonly NamespacedName _pool;
    private readonly Recording<V1Job> _jobs;
    private readonly Recording<V1Alpha1ImageBuild> _builds;

    private BenchPool(FarmBed bed, NamespacedName pool, Tenant tenant, Recording<V1Job> jobs, Recording<V1Alpha1ImageBuild> builds)
    {
        _bed = bed;
        _pool = pool;
        Tenant = tenant;
        _jobs = jobs;
        _builds = builds;
    }

    public Tenant Tenant { get; }

    /// <summary>The build's Job, as it was seen first.</summary>
    public V1Job JobOf(string build) => SeenJobOf(build).Object;

    /// <summary>Returns when it is Ready.</summary>
    public static Task<BenchPool> CreateAsync(FarmBed bed, string name, params PoolPlatform[] platforms) => CreateAsync(bed, name, null, platforms);

    /// <summary>With another cache than a registry's, or none of its own.</summary>
    public static async Task<BenchPool> CreateAsync(FarmBed bed, string name, PoolCache? cache, params PoolPlatform[] platforms)
    {
        var key = new NamespacedName($"bench-{name}-{Guid.NewGuid():N}"[..24], "farm");
        var tenant = await Tenant.CreateAsync(bed.Client, bed.Cluster.Registry, key, key.Namespace, cacheHost: bed.Cluster.Registry.Host);
        var pool = new BenchPool(bed, key, tenant, await tenant.JobsAsync(), await Recording<V1Alpha1ImageBuild>.StartAsync(bed.Client, key.Namespace));
        var wanted = TestPool.Of(bed.Cluster, key);
        if (cache?.S3 is not null) await bed.Client.CreateAsync(Keys(bed, key.Namespace, cache.S3.CredentialsSecretRef!.Name), default);
        await bed.Client.CreateAsync(wanted with { Spec = wanted.Spec with { Platforms = platforms, Cache = cache ?? wanted.Spec.Cache, Scaling = new PoolScaling { IdleAfter = "10s" } } }, default);
        await pool.UntilAsync("Ready", seen => seen.Status?.ObservedGeneration == seen.Metadata.Generation && seen.Status?.Conditions.IsTrue(Conditions.Ready) is true);
        return pool;
    }

    private static V1Secret Keys(FarmBed bed, string space, string name) => new()
    {
        ApiVersion = "v1",
        Kind = "Secret",
        Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = space },
        StringData = new Dictionary<string, string> { ["AWS_ACCESS_KEY_ID"] = bed.Cluster.S3!.AccessKey, ["AWS_SECRET_ACCESS_KEY"] = bed.Cluster.S3.SecretKey },
    };

    /// <summary>Returns once the build's Job has ended, and with it what writes the cache.</summary>
    public Task JobEndsAsync(string build) => Wait.UntilAsync($"the Job of {build} has ended", Patience, () => Task.FromResult(_jobs.Seen),
        seen => seen.Any(job => BuildOf(job.Object) == build && job.Object.Status?.Conditions?.Any(condition => condition.Type is "Complete" or "Failed") is true), TimeSpan.FromMilliseconds(50));

    public async ValueTask DisposeAsync()
    {
        await _jobs.DisposeAsync();
        await _builds.DisposeAsync();
        await Tenant.DisposeAsync();
    }

    /// <summary>Seconds from before the client's POST until a watch shows the Job, and until it shows the end.</summary>
    public async Task<(double ToJob, double ToEnd)> TimeAsync(V1Alpha1ImageBuild build)
    {
        var name = build.Metadata.Name;
        var posted = TimeProvider.System.GetUtcNow();
        await Tenant.CreateAsync(build);
        var ended = (await Wait.UntilAsync($"{name} has ended", Patience, () => Task.FromResult(EndOf(name)), seen => seen is not null, TimeSpan.FromMilliseconds(20)))!;
        if (ended.Object.Status!.Phase != Phases.Succeeded) throw new InvalidOperationException($"{name} failed, so there is nothing to measure: {ended.Object.Status.Failure?.Message}");
        return ((SeenJobOf(name).At - posted).TotalSeconds, (ended.At - posted).TotalSeconds);
    }

    /// <summary>Every builder comes back as another pod, with nothing on its disk.</summary>
    public async Task RestartBuildersAsync()
    {
        var before = await BuildersAsync();
        foreach (var pod in before) await _bed.Client.DeleteAsync<V1Pod>(NamespacedName.Of(pod), pod.Metadata.Uid, PropagationPolicy.Background, default);
        var uids = before.Select(pod => pod.Metadata.Uid).ToHashSet();
        await Wait.UntilAsync("the old builders are gone", Patience, BuildersAsync, now => now.Count == before.Count && !now.Any(pod => uids.Contains(pod.Metadata.Uid)));
        await UntilAsync("at full strength", pool => pool.Status?.Platforms?.All(platform => platform.Ready == platform.Desired) is true);
    }

    public Task UntilAtZeroAsync() => UntilAsync("at zero", pool => pool.Status?.Platforms?.All(platform => platform is { Desired: 0, Builders: null or { Count: 0 } }) is true);

    private Seen<V1Job> SeenJobOf(string build) =>
        _jobs.Seen.First(seen => BuildOf(seen.Object) == build && seen.Object.Metadata.Labels[SlipwayApi.RoleLabel] == JobRoles.Build);

    /// <summary>Null for a Job of the pool's own, which makes its cache go.</summary>
    private static string? BuildOf(V1Job job) => job.Metadata.Labels.TryGetValue(SlipwayApi.BuildLabel, out var build) ? build : null;

    private Seen<V1Alpha1ImageBuild>? EndOf(string name) =>
        _builds.Seen.FirstOrDefault(seen => seen.Object.Metadata.Name == name && seen.Object.Status?.Conditions.IsTrue(Conditions.Complete) is true);

    private Task UntilAsync(string isWhat, Func<V1Alpha1BuilderPool, bool> isSo) =>
        Wait.UntilAsync($"pool {_pool} is {isWhat}", Patience, () => _bed.Client.GetAsync<V1Alpha1BuilderPool>(_pool, default), isSo);

    private async Task<IReadOnlyList<V1Pod>> BuildersAsync() =>
        (await _bed.Client.ListPageAsync<V1Pod>(new ListQuery { Namespace = _pool.Namespace, LabelSelector = $"{SlipwayApi.ComponentLabel}={SlipwayApi.BuilderComponent}" }, default)).Items;
}
