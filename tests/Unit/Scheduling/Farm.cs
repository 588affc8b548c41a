using System.Text;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Time.Testing;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Controllers;
using Slipway.Kube.Telemetry;
using Slipway.Scheduling;
using Slipway.Tests.Unit.Pools;

namespace Slipway.Tests.Unit.Scheduling;

/// <summary>A pool of builders as the stores show it, and a scheduler over them.</summary>
internal sealed class Farm
{
    public const string Amd64 = "linux/amd64";
    public const string Arm64 = "linux/arm64";
    public static readonly NamespacedName PoolKey = new("builders", "farm");

    private readonly FakeCluster _seen = new();
    private V1Alpha1BuilderPool _pool;
    private OperatorMetrics _metrics = new();
    private int _pods;

    /// <summary>Three builders, always.</summary>
    public Farm(int buildsPerBuilder = 2, int min = 3, int max = 3)
    {
        _pool = PoolWorld.Pool([.. new[] { Amd64, Arm64 }.Select(platform => PoolWorld.Platform(platform) with
        {
            BuildsPerBuilder = buildsPerBuilder, Replicas = new PoolReplicas { Min = min, Max = max },
        })]);
        _seen.Put(_pool);
        Scheduler = Start();
        // The pool's first pass.
        Refresh();
        Pools.Now.Clear();
    }

    /// <summary>Builders outside the cluster in place of the platform's pods.</summary>
    public void UseEndpoints(string platform, params string[] addresses) => _seen.Put(_pool with
    {
        Spec = _pool.Spec with
        {
            Platforms = [.. _pool.Spec.Platforms.Select(own => own.Platform != platform ? own : own with
            {
                Replicas = null,
                Endpoints = [.. addresses.Select(address => new PoolEndpoint { Address = address, TlsSecretRef = new LocalReference { Name = "client" } })],
            })],
        },
    });

    public Scheduler Scheduler { get; private set; }

    public FakeTimeProvider Time { get; } = new(PoolWorld.Now);

    /// <summary>How often a Job of the store was looked at.</summary>
    public int JobsRead { get; private set; }

    /// <summary>Of the first platform, as /metrics shows it.</summary>
    public async Task<string> MetricAsync(string name)
    {
        using var stream = new MemoryStream();
        await _metrics.Registry.CollectAndExportAsTextAsync(stream, TestContext.Current.CancellationToken);
        var prefix = $"{name}{{namespace=\"builders\",pool=\"farm\",platform=\"{Amd64}\"}} ";
        return Encoding.UTF8.GetString(stream.ToArray()).Split('\n').Single(line => line.StartsWith(prefix, StringComparison.Ordinal))[prefix.Length..];
    }

    /// <summary>Builds that were woken, in order.</summary>
    public Wakes<V1Alpha1ImageBuild> Builds { get; } = new();

    public Wakes<V1Alpha1BuilderPool> Pools { get; } = new();

    /// <summary>The operator is another process now: it knows what the stores show.</summary>
    public void Restart() => Scheduler = Start();

    /// <summary>The spec changes; nobody has looked yet.</summary>
    public void Change(Func<PoolPlatform, PoolPlatform>? platforms = null, string? idleAfter = null)
    {
        _pool = _pool with
        {
            Spec = _pool.Spec with
            {
                Platforms = [.. _pool.Spec.Platforms.Select(platforms ?? (platform => platform))],
                Scaling = idleAfter is null ? _pool.Spec.Scaling : new PoolScaling { IdleAfter = idleAfter },
            },
        };
        _seen.Put(_pool);
    }

    public void PoolGone() => _seen.Remove<V1Alpha1BuilderPool>(PoolKey);

    public QueueCount Count(string platform = Amd64) => Scheduler.Of(PoolKey, platform);

    public static string Name(int ordinal, string platform = Amd64) => ChildNames.BuilderPod(ChildNames.StatefulSet(PoolKey.Name, Platform.Parse(platform)), ordinal);

    /// <summary>A pod of its own uid; the builder of that ordinal before is gone.</summary>
    public string BuilderUp(int ordinal, string platform = Amd64, bool ready = true)
    {
        var pod = Pod(ordinal, platform, ready);
        pod.Metadata.Uid = $"builder-{++_pods}";
        _seen.Put(pod);
        return pod.Metadata.Uid;
    }

    public void SetReady(int ordinal, bool ready, string platform = Amd64)
    {
        var pod = Pod(ordinal, platform, ready);
        pod.Metadata.Uid = _seen.Find<V1Pod>(NamespacedName.Of(pod))!.Metadata.Uid;
        _seen.Put(pod);
    }

    /// <summary>It was deleted, and its grace runs.</summary>
    public void BuilderEnds(int ordinal, string platform = Amd64)
    {
        var pod = _seen.Find<V1Pod>(NamespacedName.Of(Pod(ordinal, platform, ready: true)))!;
        pod.Metadata.DeletionTimestamp = Time.GetUtcNow().UtcDateTime;
        _seen.Put(pod);
    }

    public void BuilderGone(int ordinal, string platform = Amd64) => _seen.Remove<V1Pod>(NamespacedName.Of(Pod(ordinal, platform, ready: true)));

    public SlotAnswer Ask(string build, string platform = Amd64, int age = 0, string? scope = null) =>
        Scheduler.Request([Wish(build, platform, age) with { Scope = scope ?? build }])[platform];

    /// <summary>A namespace of its own where the name has a slash, such as team-b/app. The older one goes first.</summary>
    public static SlotRequest Wish(string build, string platform = Amd64, int age = 0) => new()
    {
        Build = Key(build),
        BuildUid = $"uid-{build}",
        Pool = PoolKey,
        Platform = platform,
        Scope = build,
        Created = PoolWorld.Now.UtcDateTime.AddMinutes(-age),
    };

    public static NamespacedName Key(string build) => build.Contains('/', StringComparison.Ordinal)
        ? new NamespacedName(build.Split('/')[0], build.Split('/')[1]) : new NamespacedName("team-a", build);

    /// <summary>The same build's next attempt.</summary>
    public SlotAnswer AskAgain(string build, int attempt, params string[] avoid) =>
        Scheduler.Request([Wish(build) with { Attempt = attempt, Avoid = avoid }])[Amd64];

    public void JobSeen(string build, Builder builder, string platform = Amd64, int run = 0) => _seen.Put(Job(build, builder, platform, run));

    public void JobEnded(string build, Builder builder, string platform = Amd64, int run = 0)
    {
        var job = Job(build, builder, platform, run);
        job.Status = new V1JobStatus { Conditions = [new V1JobCondition { Type = "Complete", Status = "True" }] };
        _seen.Put(job);
    }

    /// <summary>Anybody who may create Jobs can make one that looks like ours and lacks a label.</summary>
    public void JobSeenWithoutItsBuilder(string build, Builder builder)
    {
        var job = Job(build, builder, Amd64, run: 0);
        job.Metadata.Labels.Remove(SlipwayApi.BuilderLabel);
        _seen.Put(job);
    }

    public void Refresh() => Scheduler.Refresh(PoolKey);

    private Scheduler Start()
    {
        _metrics = new OperatorMetrics();
        var circuits = new Circuits(new FakeStore<V1Alpha1BuilderPool>(_seen), Pools, Time);
        return new Scheduler(
            new PoolReader(new FakeStore<V1Alpha1BuilderPool>(_seen), new FakeStore<V1Pod>(_seen, keys: PoolReader.PoolOf), new FakeStore<V1Job>(_seen, keys: JobKeys), circuits),
            circuits, new FarmMetrics(_metrics), Builds, Pools, Time);
    }

    private IEnumerable<string> JobKeys(V1Job job)
    {
        JobsRead++;
        return PoolReader.PoolOf(job);
    }

    private V1Pod Pod(int ordinal, string platform, bool ready) =>
        PoolWorld.Pod(PoolWorld.Live(_pool, _pool.Spec.Platforms.Single(candidate => candidate.Platform == platform)), ordinal, ready);

    private static V1Job Job(string build, Builder builder, string platform, int run)
    {
        var key = Key(build);
        return new V1Job
        {
            Metadata = new V1ObjectMeta
            {
                Name = $"{key.Name}-{platform.Replace('/', '-')}-{run}",
                NamespaceProperty = key.Namespace,
                Uid = $"job-{build}-{platform}-{run}",
                Labels = new Dictionary<string, string>
                {
                    [SlipwayApi.PoolLabel] = PoolKey.Name,
                    [SlipwayApi.PoolNamespaceLabel] = PoolKey.Namespace,
                    [SlipwayApi.BuilderLabel] = builder.Name,
                },
                Annotations = new Dictionary<string, string> { [SlipwayApi.PlatformAnnotation] = platform, [SlipwayApi.BuilderUidAnnotation] = builder.Uid },
                OwnerReferences = [new V1OwnerReference { ApiVersion = SlipwayApi.GroupVersion, Kind = V1Alpha1ImageBuild.KindName, Name = key.Name, Uid = $"uid-{build}", Controller = true }],
            },
        };
    }
}

internal static class Answers
{
    public static void ShouldWait(this SlotAnswer answer, WaitReason reason) => (answer.Builder, answer.Reason).ShouldBe((null, reason));
}

/// <summary>Keys that were woken, and those that will be after a while.</summary>
internal sealed class Wakes<E> : IReconcileTrigger<E>
    where E : class, IKubernetesObject<V1ObjectMeta>
{
    public List<NamespacedName> Now { get; } = [];

    public List<(NamespacedName Key, TimeSpan Delay)> Later { get; } = [];

    public void Enqueue(NamespacedName key) => Now.Add(key);

    public void EnqueueAfter(NamespacedName key, TimeSpan delay) => Later.Add((key, delay));
}
