using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.JobPods;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Pools;
using Slipway.Tests.E2E.Farm;
using Slipway.Tests.E2E.Faults;

namespace Slipway.Tests.E2E.RemoteCache;

/// <summary>
/// The ground of one cache test: a pool of one builder in a namespace of its own, where its builds are too, with a remote cache that nobody
/// else writes; every Job of the pool, and the evidence.
/// </summary>
internal sealed class CachedPool : IAsyncDisposable
{
    /// <summary>For a build, its cache or a Job that waits a minute for other writers of a bucket: under the load of all tests at once.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    /// <summary>Of all builds that are to share one cache.</summary>
    public const string Scope = "app";

    private const string Name = "cached";

    /// <summary>What a step that sleeps prints first.</summary>
    private const string Marker = "asleep";

    private readonly ClusterFixture _fixture;
    private readonly bool _isTold;

    private CachedPool(ClusterFixture fixture, Tenant tenant, NamespacedName key, JobWatch jobs, string? test)
    {
        _fixture = fixture;
        _isTold = test is not null;
        Tenant = tenant;
        Key = key;
        Jobs = jobs;
        Evidence = new Evidence(test ?? "", "RemoteCache");
    }

    public NamespacedName Key { get; }

    public Tenant Tenant { get; }

    /// <summary>Of the cache; empty where that is in a bucket.</summary>
    public string Repository { get; private init; } = "";

    /// <summary>Of builds in whatever namespace, and those that make the cache go.</summary>
    public JobWatch Jobs { get; }

    public Evidence Evidence { get; }

    /// <summary>With the credentials that push images, too.</summary>
    public static PoolCache InRegistry(string repository) =>
        new() { Registry = new PoolRegistryCache { Repository = repository, CredentialsSecretRef = new LocalReference { Name = Tenant.PushSecret } } };

    /// <summary>With images and cache behind the registry proxy's plain address.</summary>
    public static Task<CachedPool> StartInRegistryAsync(ClusterFixture fixture, string test, string? ttl = null)
    {
        var (registry, key) = (fixture.Proxy.Plain, new NamespacedName($"e2e-{Guid.NewGuid():N}"[..16], Name));
        return StartAsync(fixture, test, InRegistry($"{registry.Host}/{key.Namespace}/cache") with { Ttl = ttl }, registry: registry, key: key);
    }

    /// <summary>Returns when it is Ready; one without builders is not waited for.</summary>
    /// <param name="fixture">The cluster.</param>
    /// <param name="test">Name of the test; null for a second pool, whose evidence is in the first one's.</param>
    /// <param name="cache">The pool's.</param>
    /// <param name="slots">Builds that the builder takes at once; 0 for a pool without a builder.</param>
    /// <param name="registry">Where images go, if not to the cluster's registry itself.</param>
    /// <param name="key">Where the cache's address has to name it.</param>
    public static async Task<CachedPool> StartAsync(ClusterFixture fixture, string? test, PoolCache cache, int slots = 4, TestRegistry? registry = null, NamespacedName? key = null)
    {
        var name = key ?? new($"e2e-{Guid.NewGuid():N}"[..16], Name);
        var tenant = await fixture.TenantAsync(pool: name, name: name.Namespace, registry: registry);
        var pool = new CachedPool(fixture, tenant, name, await JobWatch.StartAsync(fixture.Client, null, $"{SlipwayApi.PoolNamespaceLabel}={name.Namespace}"), test) { Repository = cache.Registry?.Repository ?? "" };
        if (cache.S3 is not null) await pool.GiveKeysAsync(name.Namespace);
        var shared = fixture.Pool(name);
        var replicas = new PoolReplicas { Min = Math.Min(slots, 1), Max = 1 };
        var platform = new PoolPlatform { Platform = fixture.Cluster.Platforms[0], Replicas = replicas, BuildsPerBuilder = Math.Max(slots, 1) };
        await fixture.Client.CreateAsync(shared with { Spec = shared.Spec with { Platforms = [platform], Cache = cache } }, default);
        if (slots > 0) await pool.PoolAsync("Ready", seen => seen.Status?.ObservedGeneration == seen.Metadata.Generation && seen.Status?.Conditions.IsTrue(Conditions.Ready) is true);
        return pool;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isTold) await Evidence.DisposeAsync();
        await Jobs.DisposeAsync();
        await Tenant.DisposeAsync();
    }

    /// <summary>The keys of the bucket, for Jobs of a namespace.</summary>
    public Task GiveKeysAsync(string space) => _fixture.Client.CreateAsync(
        new V1Secret
        {
            Metadata = new V1ObjectMeta { Name = CacheBucket.KeysSecret, NamespaceProperty = space },
            StringData = new Dictionary<string, string> { ["AWS_ACCESS_KEY_ID"] = _fixture.S3.AccessKey, ["AWS_SECRET_ACCESS_KEY"] = _fixture.S3.SecretKey },
        },
        default);

    public Task<V1Alpha1BuilderPool> PoolAsync(string isWhat, Func<V1Alpha1BuilderPool, bool> isSo) =>
        Wait.UntilAsync($"pool {Key} is {isWhat}", Patience, () => _fixture.Client.GetAsync<V1Alpha1BuilderPool>(Key, default), isSo);

    public Task PatchPoolAsync(JsonObject spec) => _fixture.Client.PatchAsync<V1Alpha1BuilderPool>(Key, new JsonObject { ["spec"] = spec }, default);

    /// <summary>The condition that tells how the cache goes, once it says so of the pool as it is.</summary>
    public async Task<V1Condition> ExpiryAsync(string reason)
    {
        static V1Condition? Of(V1Alpha1BuilderPool seen) =>
            seen.Status?.Conditions?.FirstOrDefault(condition => condition.Type == Conditions.CacheExpiryApplied && condition.ObservedGeneration == seen.Metadata.Generation);
        var condition = Of(await PoolAsync(reason, seen => Of(seen)?.Reason == reason))!;
        Evidence.Add("the pool's status", $"CacheExpiryApplied {condition.Status} {condition.Reason}: {condition.Message}");
        return condition;
    }

    /// <summary>Three steps of which each needs the one before; attested is nothing.</summary>
    public V1Alpha1ImageBuild Build(string name, string late = "late", Tenant? tenant = null) => Of(name, tenant, $"""
        FROM busybox:stable
        RUN echo early of {Key.Namespace} > /early
        RUN cat /early && echo middle > /middle
        RUN cat /middle && echo {late} > /late
        """);

    /// <summary>A build of this pool with the cache that all share.</summary>
    public V1Alpha1ImageBuild Of(string name, Tenant? tenant, string dockerfile)
    {
        var build = Fault.Without((tenant ?? Tenant).Inline(name, dockerfile + "\n", _fixture.Cluster.Platforms[0]));
        return build with { Spec = build.Spec with { Cache = new BuildCache { Scope = Scope } } };
    }

    /// <summary>A step that prints something no Dockerfile has, and sleeps.</summary>
    public string Sleep(int seconds) => $"RUN echo {Marker} in {Key.Namespace} > /name && cat /name && sleep {seconds}";

    /// <summary>Returns once it has ended well, and its Job too: the cache is written then, or is not.</summary>
    public async Task<CachedBuild> BuiltAsync(V1Alpha1ImageBuild build, Tenant? tenant = null)
    {
        await _fixture.Client.CreateAsync(build, default);
        return await EndAsync(build.Metadata.Name, tenant);
    }

    public async Task<CachedBuild> EndAsync(string name, Tenant? tenant = null)
    {
        var build = await (tenant ?? Tenant).EndOfAsync(name, Patience);
        var status = build.Status!;
        var job = Jobs.Of(name, JobRoles.Build)[^1];
        status.Phase.ShouldBe(Phases.Succeeded, $"{name}: {status.Failure?.Reason} {status.Failure?.Message}\n{await LogAsync(job, JobContainers.Runner)}");
        await Wait.UntilAsync($"{job.Name} has ended", Patience, () => Task.FromResult(Ended(job.Uid)), ended => ended is not null);
        Ended(job.Uid).ShouldBe("Complete");
        var writes = job.Job.Spec.Template.Spec.Containers.Any(container => container.Name == JobContainers.Cache);
        return new CachedBuild(build, job, status.Platforms!.Single().Cache!, await LogAsync(job, JobContainers.Runner), writes ? await LogAsync(job, JobContainers.Cache) : null);
    }

    /// <summary>So many requests are on their way by this rule, or were.</summary>
    public static Task TakenAsync(RegistryRule rule, int requests) =>
        Wait.UntilAsync($"{requests} requests are {rule.Name}", Patience, () => Task.FromResult(rule.Taken), taken => taken >= requests);

    /// <summary>Those that build come to their end, and to a good one.</summary>
    public async Task ShouldCompleteAsync(int count)
    {
        var jobs = await Wait.UntilAsync("all Jobs have ended", Patience,
            () => Task.FromResult(Jobs.Jobs.Where(job => job.Role == JobRoles.Build).ToList()), seen => seen.All(job => JobWatch.EndOf(job.Job) is not null));
        var failed = jobs.Where(job => JobWatch.EndOf(job.Job) != "Complete").ToList();
        failed.ShouldBeEmpty(string.Concat(await Task.WhenAll(failed.Select(ExplainAsync))));
        jobs.Count.ShouldBe(count);
    }

    private async Task<string> ExplainAsync(WatchedJob job)
    {
        var pods = (await JobPodsAsync()).Where(pod => pod.Metadata.Name.StartsWith(job.Name, StringComparison.Ordinal));
        return $"-- {job.Name}: {KubernetesYaml.Serialize(job.Job.Status)}\n{KubernetesYaml.Serialize(pods.Select(pod => pod.Status))}\n{await LogAsync(job, JobContainers.Runner)}\n{await LogAsync(job, JobContainers.Cache)}\n";
    }

    /// <summary>Complete or Failed; null while it lives.</summary>
    public string? Ended(string uid) => JobWatch.EndOf(Jobs.Jobs.Single(job => job.Uid == uid).Job);

    /// <summary>
    /// What the build's status says of its cache in the end, all of it, and how many attempts that took: one. What came of writing is
    /// told after the rest, a moment after the Job's end.
    /// </summary>
    public async Task HealthAsync(CachedBuild built, string reason, params string[] says)
    {
        static V1Condition? Of(V1Alpha1ImageBuild seen) => seen.Status?.Conditions?.FirstOrDefault(condition => condition.Type == Conditions.CacheHealthy);
        var build = await Wait.UntilAsync(
            $"the cache of {built.Name} is {reason}: {string.Join(" … ", says)}", Patience, () => _fixture.Client.GetAsync<V1Alpha1ImageBuild>(NamespacedName.Of(built.Build), default),
            seen => Of(seen) is { } told && told.Reason == reason && says.All(words => told.Message.Contains(words, StringComparison.Ordinal)));
        var condition = Of(build)!;
        Evidence.Add($"status of {built.Name}", $"{build.Status!.Phase}, CacheHealthy {condition.Status} {condition.Reason}: {condition.Message}");
        condition.Status.ShouldBe(reason is Reasons.CacheInUse or Reasons.CacheRepaired ? "True" : "False");
        build.Status.Phase.ShouldBe(Phases.Succeeded);
        build.Status.FailedAttempts.ShouldBeNull();
        Jobs.Of(built.Name, JobRoles.Build).Count.ShouldBe(1);
    }

    /// <summary>What the builder had goes with its pod.</summary>
    public async Task FreshBuilderAsync()
    {
        var builder = (await BuildersAsync()).Single();
        await _fixture.Cluster.KubectlAsync("--namespace", Key.Namespace, "delete", "pod", builder.Metadata.Name, "--wait=true");
        var fresh = await Wait.UntilAsync("a fresh builder is Ready", Patience, BuildersAsync,
            pods => pods is [var pod] && pod.Metadata.Uid != builder.Metadata.Uid && Watched.IsReady(pod));
        Evidence.Add("the builder", $"{builder.Metadata.Name} with uid {builder.Metadata.Uid} is gone, and {fresh[0].Metadata.Uid} is there");
    }

    public async Task<IReadOnlyList<V1Pod>> BuildersAsync() => (await _fixture.Client.ListPageAsync<V1Pod>(
        new ListQuery { Namespace = Key.Namespace, LabelSelector = $"{SlipwayApi.ComponentLabel}={SlipwayApi.BuilderComponent}" }, default)).Items;

    /// <summary>Of the Jobs that build.</summary>
    public async Task<IReadOnlyList<V1Pod>> JobPodsAsync() => (await _fixture.Client.ListPageAsync<V1Pod>(
        new ListQuery { Namespace = Key.Namespace, LabelSelector = $"{SlipwayApi.RoleLabel}={JobRoles.Build}" }, default)).Items;

    /// <summary>Returns once buildctl has printed that the step that sleeps runs.</summary>
    public Task InTheStepAsync(string build) => Wait.UntilAsync(
        $"{build} is in its step", Patience,
        async () => Jobs.Of(build, JobRoles.Build) is [.., var job] ? await LogAsync(job, JobContainers.Runner) : "",
        log => Regex.IsMatch(log, $@"(?m)^#\d+ \d+\.\d+ {Marker} in "), TimeSpan.FromSeconds(1));

    /// <summary>What one container of a Job wrote; empty while there is nobody to write.</summary>
    public Task<string> LogAsync(WatchedJob job, string container) => _fixture.Logs.OfJobAsync(NamespacedName.Of(job.Job), container);

    public IReadOnlyList<WatchedJob> ExpiryJobs() => [.. Jobs.Jobs.Where(job => job.Role == PoolExpiry.Role)];

    /// <summary>The log of the Job that makes the cache go, in which the fault is seen.</summary>
    public async Task AddExpirySeenAsync([StringSyntax(StringSyntaxAttribute.Regex)] string seen)
    {
        Evidence.AddSeen("the log of expire-cache", await LogAsync(ExpiryJobs()[^1], JobContainers.Runner), seen);
    }
}

/// <summary>A build whose Job has ended, and what was said of its cache before that.</summary>
internal sealed record CachedBuild(V1Alpha1ImageBuild Build, WatchedJob Job, CacheStatus Cache, string Log, string? CacheLog)
{
    public string Name => Build.Metadata.Name;

    public void ShouldComeFromCache()
    {
        Cache.Steps.ShouldNotBeNull().ShouldBeGreaterThan(0);
        Cache.Cached.ShouldBe(Cache.Steps, Log);
    }

    public void ShouldHaveWritten() => CacheLog.ShouldNotBeNull().ShouldContain("The cache is written.");
}
