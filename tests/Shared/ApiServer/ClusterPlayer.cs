using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.JobPods;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Pools;
using Slipway.Runner;

namespace Slipway.Tests.ApiServer;

/// <summary>Does by hand what controller-manager, scheduler and kubelet do in a cluster, one step at a time.</summary>
internal sealed class ClusterPlayer(KubeClient client)
{
    private const string Facts = """{"version":"v0.13.2","maxUserNamespaces":15000,"apparmorRestrictsUserNamespaces":null}""";
    private int _address;

    /// <summary>The pods of a pool's StatefulSets, each with an address and Ready: those that are missing are made, after the others are taken over.</summary>
    public async Task StartBuildersAsync(V1Alpha1BuilderPool pool)
    {
        // Before the StatefulSets: whose pod the operator has deleted gets one of the template that it has by then.
        var pods = await AdoptBuildersAsync(pool);
        foreach (var set in await SetsAsync(pool))
        {
            foreach (var name in Names(set).Where(name => pods.All(pod => pod.Metadata.Name != name))) await StartBuilderAsync(set, name);
        }
    }

    /// <summary>The StatefulSets take over pods of theirs that have no owner. Returns all pods of the pool's namespace.</summary>
    public async Task<IReadOnlyList<V1Pod>> AdoptBuildersAsync(V1Alpha1BuilderPool pool)
    {
        var pods = await ListAsync<V1Pod>(pool.Metadata.NamespaceProperty);
        foreach (var set in await SetsAsync(pool))
        {
            foreach (var pod in pods.Where(pod => pod.Metadata.OwnerReferences is not { Count: > 0 } && Names(set).Contains(pod.Metadata.Name))) await AdoptAsync(pod, set);
        }

        return pods;
    }

    /// <summary>Waits for the build's Job of that role and platform.</summary>
    public async Task<V1Job> JobAsync(V1Alpha1ImageBuild build, string role, string? platform = null)
    {
        var jobs = await Eventually.SoAsync($"the {role} Job of {NamespacedName.Of(build)} {platform} is there", () => JobsAsync(build), jobs => jobs.Any(IsIt));
        return jobs.Single(IsIt);

        bool IsIt(V1Job job) => job.Metadata.DeletionTimestamp is null && job.Metadata.Labels[SlipwayApi.RoleLabel] == role
            && (platform is null || job.Metadata.Annotations?[SlipwayApi.PlatformAnnotation] == platform);
    }

    public async Task<IReadOnlyList<V1Job>> JobsAsync(V1Alpha1ImageBuild build) =>
        [.. (await ListAsync<V1Job>(build.Metadata.NamespaceProperty)).Where(job => OwnedBy(job, build.Metadata.Uid))];

    /// <summary>The Job's pod, running on a node.</summary>
    public async Task<V1Pod> StartAsync(V1Job job)
    {
        var pod = await client.CreateAsync(new V1Pod
        {
            Metadata = new V1ObjectMeta
            {
                Name = $"{job.Metadata.Name}-x",
                NamespaceProperty = job.Metadata.NamespaceProperty,
                Labels = job.Spec.Template.Metadata.Labels,
                OwnerReferences = [Owner("batch/v1", "Job", job)],
            },
            Spec = OnNode(job.Spec.Template.Spec),
        }, default);
        return await StatusAsync(pod, new V1PodStatus
        {
            Phase = "Running",
            ContainerStatuses = [Container(JobContainers.Runner, new V1ContainerState { Running = new V1ContainerStateRunning() }, ready: true)],
        });
    }

    /// <summary>The pod ends with that result as its termination message, and the Job after it.</summary>
    public async Task EndAsync(V1Job job, V1Pod pod, RunResult result)
    {
        var good = result.Failure is null;
        var ended = new V1ContainerStateTerminated { ExitCode = good ? 0 : 1, Message = RunnerJson.Serialize(result), Reason = good ? "Completed" : "Error" };
        await StatusAsync(pod, new V1PodStatus
        {
            Phase = good ? "Succeeded" : "Failed",
            ContainerStatuses = [Container(JobContainers.Runner, new V1ContainerState { Terminated = ended }, ready: false)],
        });
        await StatusAsync(job, new V1JobStatus { Conditions = [new V1JobCondition { Type = good ? "Complete" : "Failed", Status = "True" }] });
    }

    /// <summary>From the Job's appearance to its end.</summary>
    public async Task<V1Job> RunAsync(V1Alpha1ImageBuild build, string role, RunResult result, string? platform = null)
    {
        var job = await JobAsync(build, role, platform);
        await EndAsync(job, await StartAsync(job), result);
        return job;
    }

    /// <summary>The garbage collector's round: takes what lost its owner, and ends deletions that have to wait for it. True where there was something.</summary>
    public async Task<bool> CollectAsync(string space)
    {
        var objects = await ObjectsAsync(space);
        var orphaning = objects.OfType<V1StatefulSet>().Where(IsOrphaning).ToList();
        foreach (var set in orphaning) await OrphanAsync(set, objects.OfType<V1Pod>());
        var alive = objects.Where(item => item.Metadata.DeletionTimestamp is null || IsOrphaning(item)).Select(item => item.Metadata.Uid).ToHashSet();
        var lost = objects.Where(item => item.Metadata.OwnerReferences is { Count: > 0 } owners && !owners.Any(owner => alive.Contains(owner.Uid))).ToList();
        foreach (var item in lost) await DeleteAsync(item);
        var going = objects.OfType<V1Job>().Where(job => job.Metadata.DeletionTimestamp is not null).ToList();
        foreach (var job in going) await client.PatchAsync<V1Job>(NamespacedName.Of(job), Without("finalizers"), default);
        return orphaning.Count + lost.Count + going.Count > 0;
    }

    /// <summary>Everything of the kinds that Slipway's objects are of.</summary>
    public async Task<IReadOnlyList<IKubernetesObject<V1ObjectMeta>>> ObjectsAsync(string space) =>
    [
        .. await ListAsync<V1Alpha1BuilderPool>(space), .. await ListAsync<V1Alpha1ImageBuild>(space), .. await ListAsync<V1StatefulSet>(space),
        .. await ListAsync<V1Service>(space), .. await ListAsync<V1Job>(space), .. await ListAsync<V1Pod>(space),
        .. await ListAsync<V1Secret>(space), .. await ListAsync<V1ConfigMap>(space),
        .. await ListAsync<V1NetworkPolicy>(space), .. await ListAsync<V1PersistentVolumeClaim>(space),
    ];

    public async Task<IReadOnlyList<T>> ListAsync<T>(string space)
        where T : class, IKubernetesObject<V1ObjectMeta> => (await client.ListPageAsync<T>(new ListQuery { Namespace = space }, default)).Items;

    public static bool OwnedBy(IMetadata<V1ObjectMeta> child, string uid) =>
        child.Metadata.OwnerReferences?.Any(owner => owner.Controller is true && owner.Uid == uid) ?? false;

    /// <summary>One for each platform, once it is there; without those that go.</summary>
    private async Task<IReadOnlyList<V1StatefulSet>> SetsAsync(V1Alpha1BuilderPool pool)
    {
        var sets = new List<V1StatefulSet>();
        foreach (var platform in pool.Spec.Platforms)
        {
            var key = new NamespacedName(pool.Metadata.NamespaceProperty, ChildNames.StatefulSet(pool.Metadata.Name, Platform.Parse(platform.Platform)));
            var set = await Eventually.SoAsync($"StatefulSet {key} is there", () => client.GetOrDefaultAsync<V1StatefulSet>(key, default), set => set is not null);
            if (set!.Metadata.DeletionTimestamp is null) sets.Add(set);
        }

        return sets;
    }

    private static IEnumerable<string> Names(V1StatefulSet set) =>
        Enumerable.Range(0, set.Spec.Replicas ?? 1).Select(ordinal => ChildNames.BuilderPod(set.Metadata.Name, ordinal));

    private async Task StartBuilderAsync(V1StatefulSet set, string name)
    {
        var spec = OnNode(set.Spec.Template.Spec);
        foreach (var template in set.Spec.VolumeClaimTemplates ?? [])
        {
            var claim = await ClaimAsync(template, new NamespacedName(set.Metadata.NamespaceProperty, $"{template.Metadata.Name}-{name}"));
            spec.Volumes.Add(new V1Volume { Name = template.Metadata.Name, PersistentVolumeClaim = new V1PersistentVolumeClaimVolumeSource { ClaimName = claim.Metadata.Name } });
        }

        var pod = await client.CreateAsync(new V1Pod
        {
            Metadata = new V1ObjectMeta
            {
                Name = name,
                NamespaceProperty = set.Metadata.NamespaceProperty,
                Labels = set.Spec.Template.Metadata.Labels,
                Annotations = set.Spec.Template.Metadata.Annotations,
                OwnerReferences = [Owner("apps/v1", "StatefulSet", set)],
            },
            Spec = spec,
        }, default);
        await StatusAsync(pod, new V1PodStatus
        {
            Phase = "Running",
            PodIP = $"198.18.0.{Interlocked.Increment(ref _address) % 250 + 2}",
            Conditions = [new V1PodCondition { Type = "Ready", Status = "True" }],
            InitContainerStatuses = [Container(Preflight.ContainerName, new V1ContainerState { Terminated = new V1ContainerStateTerminated { ExitCode = 0, Message = Facts } }, ready: true)],
            ContainerStatuses = [Container(PoolObjects.Container, new V1ContainerState { Running = new V1ContainerStateRunning() }, ready: true)],
        });
    }

    /// <summary>With a volume, or it could not grow. It stays for the builder's next pod.</summary>
    private async Task<V1PersistentVolumeClaim> ClaimAsync(V1PersistentVolumeClaim template, NamespacedName key) =>
        await client.GetOrDefaultAsync<V1PersistentVolumeClaim>(key, default)
        ?? await StatusAsync(
            await client.CreateAsync(new V1PersistentVolumeClaim { Metadata = new V1ObjectMeta { Name = key.Name, NamespaceProperty = key.Namespace }, Spec = template.Spec }, default),
            new V1PersistentVolumeClaimStatus { Phase = "Bound" });

    private Task AdoptAsync(V1Pod pod, V1StatefulSet set) => client.PatchAsync<V1Pod>(
        NamespacedName.Of(pod), new JsonObject { ["metadata"] = new JsonObject { ["ownerReferences"] = new JsonArray(KubeJson.ToNode(Owner("apps/v1", "StatefulSet", set))) } }, default);

    private static bool IsOrphaning(IMetadata<V1ObjectMeta> item) =>
        item.Metadata.DeletionTimestamp is not null && (item.Metadata.Finalizers?.Contains("orphan") ?? false);

    private async Task OrphanAsync(V1StatefulSet set, IEnumerable<V1Pod> pods)
    {
        foreach (var pod in pods.Where(pod => OwnedBy(pod, set.Metadata.Uid))) await client.PatchAsync<V1Pod>(NamespacedName.Of(pod), Without("ownerReferences"), default);
        await client.PatchAsync<V1StatefulSet>(NamespacedName.Of(set), Without("finalizers"), default);
    }

    private static JsonObject Without(string list) => new() { ["metadata"] = new JsonObject { [list] = null } };

    private async Task<T> StatusAsync<T>(T entity, object status)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        await client.PatchStatusAsync<T>(NamespacedName.Of(entity), entity.Metadata.Uid, null, KubeJson.ToNode(status), default);

    /// <summary>At once: no kubelet has to agree.</summary>
    private Task<bool> DeleteAsync(IKubernetesObject<V1ObjectMeta> item) => item switch
    {
        V1StatefulSet set => client.DeleteAsync<V1StatefulSet>(NamespacedName.Of(set), null, PropagationPolicy.Background, default),
        V1Service service => client.DeleteAsync<V1Service>(NamespacedName.Of(service), null, PropagationPolicy.Background, default),
        V1Job job => client.DeleteAsync<V1Job>(NamespacedName.Of(job), null, PropagationPolicy.Background, default),
        V1Secret secret => client.DeleteAsync<V1Secret>(NamespacedName.Of(secret), null, PropagationPolicy.Background, default),
        V1ConfigMap config => client.DeleteAsync<V1ConfigMap>(NamespacedName.Of(config), null, PropagationPolicy.Background, default),
        V1NetworkPolicy policy => client.DeleteAsync<V1NetworkPolicy>(NamespacedName.Of(policy), null, PropagationPolicy.Background, default),
        V1Pod pod => client.DeleteAsync<V1Pod>(NamespacedName.Of(pod), null, PropagationPolicy.Background, default),
        _ => throw new ArgumentException($"nobody collects a {item.Kind}", nameof(item)),
    };

    /// <summary>A pod without a node goes at once when it is deleted; one on a node would wait for its kubelet.</summary>
    private static V1PodSpec OnNode(V1PodSpec template)
    {
        var spec = KubernetesJson.Deserialize<V1PodSpec>(KubernetesJson.Serialize(template));
        spec.TerminationGracePeriodSeconds = 0;
        return spec;
    }

    private static V1OwnerReference Owner(string version, string kind, IMetadata<V1ObjectMeta> owner) =>
        new() { ApiVersion = version, Kind = kind, Name = owner.Metadata.Name, Uid = owner.Metadata.Uid, Controller = true, BlockOwnerDeletion = true };

    private static V1ContainerStatus Container(string name, V1ContainerState state, bool ready) =>
        new() { Name = name, State = state, Ready = ready, Image = "i", ImageID = "", RestartCount = 0 };
}
