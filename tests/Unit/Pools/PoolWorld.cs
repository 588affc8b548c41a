using k8s.Models;
using Slipway.Api;
using Slipway.JobPods;
using Slipway.Pki;
using Slipway.Pools;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Pools;

/// <summary>Pools and what a cluster would show of them.</summary>
internal static class PoolWorld
{
    public const string PoolUid = "5d2c8a4e-0000-4000-8000-000000000001";
    public const string ApiServer = "198.51.100.7";
    public static readonly JobOptions Jobs = new() { RunnerImage = "slipway/slipway:test" };
    public static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    public static readonly KnownAuthority Authority = new("0a1b2c3d", Now.AddDays(-1));
    public static readonly ServerCertificate Certificate = new("00112233aabbccdd", new DateTimeOffset(2027, 3, 1, 12, 0, 0, TimeSpan.Zero), Authority.Id);

    public static V1Alpha1BuilderPool Pool(params PoolPlatform[] platforms) => new()
    {
        Metadata = new V1ObjectMeta { Name = "farm", NamespaceProperty = "builders", Uid = PoolUid, Generation = 3, ResourceVersion = "7" },
        Spec = new BuilderPoolSpec { Platforms = platforms.Length > 0 ? platforms : [Platform()] },
    };

    public static PoolPlatform Platform(string name = "linux/amd64", int replicas = 1, string? size = null, string? storageClass = null) => new()
    {
        Platform = name,
        Replicas = new PoolReplicas { Min = replicas, Max = Math.Max(1, replicas) },
        Storage = size is null ? null : new PoolStorage { Size = new ResourceQuantity(size), StorageClassName = storageClass },
    };

    public static PoolSnapshot Snapshot(V1Alpha1BuilderPool pool) => new() { Pool = pool, Options = new PoolOptions(), Authority = Authority, Now = Now, ApiServer = [ApiServer] };

    /// <summary>The StatefulSet as the server keeps it.</summary>
    public static V1StatefulSet Live(V1Alpha1BuilderPool pool, PoolPlatform platform)
    {
        var set = PoolObjects.StatefulSet(pool, platform, new PoolOptions(), Certificate, PoolSizing.Min(platform));
        set.Metadata.Uid = $"uid-of-{set.Metadata.Name}";
        set.Metadata.ResourceVersion = "10";
        return set;
    }

    public static V1Pod Pod(V1StatefulSet set, int ordinal, bool ready = true) => new()
    {
        Metadata = new V1ObjectMeta
        {
            Name = $"{set.Metadata.Name}-{ordinal}",
            NamespaceProperty = set.Metadata.NamespaceProperty,
            Uid = $"uid-of-{set.Metadata.Name}-{ordinal}",
            Labels = set.Spec.Template.Metadata.Labels,
            Annotations = new Dictionary<string, string>(set.Spec.Template.Metadata.Annotations),
            CreationTimestamp = Now.UtcDateTime,
            OwnerReferences = [new V1OwnerReference { ApiVersion = "apps/v1", Kind = "StatefulSet", Name = set.Metadata.Name, Uid = set.Metadata.Uid, Controller = true }],
        },
        Spec = set.Spec.Template.Spec with { NodeName = "node-1" },
        Status = new V1PodStatus
        {
            PodIP = "198.18.0.5",
            Conditions = [new V1PodCondition { Type = "Ready", Status = ready ? "True" : "False" }],
            InitContainerStatuses =
            [
                new V1ContainerStatus
                {
                    Name = Preflight.ContainerName, Ready = true, RestartCount = 0, Image = "i", ImageID = "",
                    State = new V1ContainerState
                    {
                        Terminated = new V1ContainerStateTerminated { ExitCode = 0, Message = """{"version":"v0.32.2","maxUserNamespaces":1000,"apparmorRestrictsUserNamespaces":null}""" },
                    },
                },
            ],
            ContainerStatuses = [Status(ready: ready), Disk(ready: true)],
        },
    };

    public static V1Node Node(string name = "node-1", bool cordoned = false, bool ready = true, params V1Taint[] taints) => new()
    {
        Metadata = new V1ObjectMeta { Name = name, Uid = $"uid-of-{name}", ResourceVersion = "1" },
        Spec = new V1NodeSpec { Unschedulable = cordoned ? true : null, Taints = taints },
        Status = new V1NodeStatus { Conditions = [new V1NodeCondition { Type = "Ready", Status = ready ? "True" : "Unknown" }] },
    };

    public static V1ContainerStatus Status(
        string? waiting = null, int restarts = 0, bool ready = false, string? lastWords = null, string? lastReason = null) => new()
        {
            Name = PoolObjects.Container,
            Ready = ready,
            RestartCount = restarts,
            Image = "i",
            ImageID = "",
            State = waiting is null ? null : new V1ContainerState { Waiting = new V1ContainerStateWaiting { Reason = waiting, Message = "back-off 5m0s" } },
            LastState = lastWords is null && lastReason is null ? null
            : new V1ContainerState { Terminated = new V1ContainerStateTerminated { ExitCode = 1, Reason = lastReason ?? "Error", Message = lastWords } },
        };

    /// <summary>A pool of one platform with that many builders of one template, wanted as many as there are unless it is said otherwise.</summary>
    public static (PoolSnapshot Snapshot, V1StatefulSet Set) Farm(int builders, int min = 0, int max = 10, int? desired = null)
    {
        var pool = Pool(Platform() with { Replicas = new PoolReplicas { Min = min, Max = max } });
        var set = Live(pool, pool.Spec.Platforms[0]);
        return (Snapshot(pool) with
        {
            StatefulSets = [set],
            Pods = [.. Enumerable.Range(0, builders).Select(ordinal => Pod(set, ordinal))],
            Queues = new Dictionary<string, QueueCount> { ["linux/amd64"] = new() { Desired = desired ?? builders } },
        }, set);
    }

    public static PoolSnapshot With(this PoolSnapshot snapshot, Func<QueueCount, QueueCount> queue) =>
        snapshot with { Queues = new Dictionary<string, QueueCount> { ["linux/amd64"] = queue(snapshot.Queue("linux/amd64")) } };

    /// <summary>Builds by ordinal of their builder.</summary>
    public static PoolSnapshot Building(this PoolSnapshot snapshot, params (int Ordinal, int Builds)[] builds) =>
        snapshot.With(queue => queue with { Builds = builds.ToDictionary(item => UidOf(item.Ordinal), item => item.Builds) });

    public static PoolSnapshot Retired(this PoolSnapshot snapshot, params int[] ordinals) =>
        snapshot.With(queue => queue with { Retired = ordinals.Select(UidOf).ToHashSet() });

    /// <summary>Of a builder of the farm.</summary>
    public static string UidOf(int ordinal) => $"uid-of-farm-linux-amd64-{ordinal}";

    /// <summary>As a pod of a template that the pool no longer has.</summary>
    public static void Outdate(this V1Pod pod) => pod.Metadata.Annotations[SlipwayApi.TemplateHashAnnotation] = "0123456789abcdef";

    public static void Unready(this V1Pod pod) => pod.Status.Conditions[0].Status = "False";

    public static void Terminate(this V1Pod pod) => pod.Metadata.DeletionTimestamp = Now.UtcDateTime;
    /// <summary>The container that watches the disk, running.</summary>
    public static V1ContainerStatus Disk(bool ready) => new()
    {
        Name = "disk",
        Ready = ready,
        RestartCount = 0,
        Image = "i",
        ImageID = "",
        State = new V1ContainerState { Running = new V1ContainerStateRunning() },
    };

    public static V1Condition? Of(this BuilderPoolStatus status, string type) => status.Conditions!.FirstOrDefault(condition => condition.Type == type);

    public static Dictionary<string, QueueCount> Busy(string platform, string podUid, int builds, int queued = 0) => new()
    {
        [platform] = new QueueCount { Building = builds, Queued = queued, Builds = new Dictionary<string, int> { [podUid] = builds } },
    };
}
