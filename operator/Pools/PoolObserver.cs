using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Informers;
using Slipway.Pki;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>Puts together what the stores know of a pool. No writes, no calls.</summary>
internal sealed class PoolObserver(
    IStore<V1StatefulSet> statefulSets, IStore<V1Service> services, IStore<V1ConfigMap> configMaps, IStore<V1NetworkPolicy> policies, IStore<V1Pod> pods,
    IStore<V1Node> nodes, ApiServerAddresses apiServer, PoolAuthority authority, IQueueCounters queues, Circuits circuits, IssuedCertificates issued, PoolOptions options,
    PoolValidation validate, TimeProvider time)
{
    public PoolSnapshot Observe(V1Alpha1BuilderPool pool)
    {
        var key = NamespacedName.Of(pool);
        var errors = validate(pool);
        var needed = errors.Count > 0 ? [] : pool.Spec.Platforms.Where(platform => !Endpoints.Serve(platform)).Select(platform => PoolObjects.Name(pool, platform)).ToList();
        IReadOnlyList<V1StatefulSet> sets = [.. statefulSets.ByIndex(PoolReader.PoolIndex, key.ToString())
            .Concat(needed.Select(name => statefulSets.Get(new NamespacedName(key.Namespace, name))).OfType<V1StatefulSet>())
            .DistinctBy(set => set.Metadata.Name)];
        var builders = pods.ByIndex(PoolReader.PoolIndex, key.ToString());
        var policy = policies.Get(new NamespacedName(key.Namespace, ChildNames.NetworkPolicy(key.Name)));
        var snapshot = new PoolSnapshot
        {
            Pool = pool,
            Options = options,
            Now = time.GetUtcNow(),
            Authority = authority.Of(pool),
            Errors = errors,
            StatefulSets = sets,
            ApiServer = apiServer(),
            Pods = builders,
            Nodes = builders.SelectMany(NodeWatch.NodeOf).Distinct().ToDictionary(node => node, node => nodes.Get(new NamespacedName("", node))),
            External = pool.Spec.Platforms.Where(Endpoints.Serve).DistinctBy(platform => platform.Platform)
                .ToDictionary(platform => platform.Platform, platform => circuits.Builders(pool, platform)),
            Queues = Queues(pool, sets),
        };
        var beside = needed.SelectMany(name => Beside(key.Namespace, name));
        if (policy is not null && BuilderNetworkPolicy.IsWanted(pool)) beside = beside.Append(policy);
        return snapshot with
        {
            Foreign = [.. beside.Where(entity => !snapshot.Owns(entity.Metadata))],
            NetworkPolicy = policy is not null && snapshot.Owns(policy.Metadata) ? policy : null,
            Issued = Issued(snapshot, needed),
        };
    }

    /// <summary>As the scheduler counts at this moment.</summary>
    public IReadOnlyDictionary<string, QueueCount> Queues(V1Alpha1BuilderPool pool, IReadOnlyList<V1StatefulSet> sets) =>
        PlatformsOf(pool, sets).ToDictionary(platform => platform, platform => queues.Of(NamespacedName.Of(pool), platform));

    /// <summary>The object of that kind and name as its store knows it.</summary>
    public IKubernetesObject<V1ObjectMeta>? Known(IKubernetesObject<V1ObjectMeta> wanted) => wanted switch
    {
        V1StatefulSet => statefulSets.Get(NamespacedName.Of(wanted)),
        V1Service => services.Get(NamespacedName.Of(wanted)),
        V1ConfigMap => configMaps.Get(NamespacedName.Of(wanted)),
        V1NetworkPolicy => policies.Get(NamespacedName.Of(wanted)),
        _ => throw new ArgumentException($"A pool makes no {wanted.Kind}.", nameof(wanted)),
    };

    /// <summary>Those that the pool no longer has, too: builds may still run there. No text that is no platform.</summary>
    private static IEnumerable<string> PlatformsOf(V1Alpha1BuilderPool pool, IReadOnlyList<V1StatefulSet> sets) =>
        pool.Spec.Platforms.Select(platform => platform.Platform)
            .Concat(sets.Select(set => PlatformLabelOf(set).Replace('-', '/')))
            .Where(platform => Platform.TryParse(platform, out _))
            .Distinct();

    private static string PlatformLabelOf(V1StatefulSet set) =>
        set.Metadata.Labels?.TryGetValue(SlipwayApi.PlatformLabel, out var dashed) ?? false ? dashed : "";

    private Dictionary<string, ServerCertificate> Issued(PoolSnapshot snapshot, IEnumerable<string> needed)
    {
        var hidden = new Dictionary<string, ServerCertificate>();
        foreach (var name in needed)
        {
            var key = new NamespacedName(snapshot.Pool.Metadata.NamespaceProperty, name);
            if (issued.Of(key, PoolCertificates.SerialOf(snapshot.StatefulSet(name))) is { } certificate) hidden[name] = certificate;
        }

        return hidden;
    }

    private IEnumerable<IKubernetesObject<V1ObjectMeta>> Beside(string space, string statefulSet)
    {
        if (services.Get(new NamespacedName(space, statefulSet)) is { } service) yield return service;
        if (configMaps.Get(new NamespacedName(space, ChildNames.PoolConfig(statefulSet))) is { } config) yield return config;
    }
}
