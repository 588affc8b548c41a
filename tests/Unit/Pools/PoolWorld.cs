using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Pools;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Pools;

/// <summary>Pools and what a cluster would show of them.</summary>
internal static class PoolWorld
{
    public const string PoolUid = "5d2c8a4e-0000-4000-8000-000000000001";
    public const string ApiServer = "198.51.100.7";
    public static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    public static readonly ServerCertificate Certificate = new("00112233aabbccdd", new DateTimeOffset(2027, 3, 1, 12, 0, 0, TimeSpan.Zero));

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

    public static PoolSnapshot Snapshot(V1Alpha1BuilderPool pool) => new() { Pool = pool, Options = new PoolOptions(), Now = Now, ApiServer = [ApiServer] };

    /// <summary>The StatefulSet as the server keeps it.</summary>
    public static V1StatefulSet Live(V1Alpha1BuilderPool pool, PoolPlatform platform)
    {
        var set = PoolObjects.StatefulSet(pool, platform, new PoolOptions(), Certificate);
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

    /// <summary>The container that watches the disk, running.</summary>
    public static V1ContainerStatus Disk(bool ready) => new()
    {
        Name = "disk", Ready = ready, RestartCount = 0, Image = "i", ImageID = "",
        State = new V1ContainerState { Running = new V1ContainerStateRunning() },
    };

    public static V1Condition? Of(this BuilderPoolStatus status, string type) => status.Conditions!.FirstOrDefault(condition => condition.Type == type);

    public static Dictionary<string, QueueCount> Busy(string platform, string podUid, int builds, int queued = 0) => new()
    {
        [platform] = new QueueCount { Building = builds, Queued = queued, Builds = new Dictionary<string, int> { [podUid] = builds } },
    };
}
