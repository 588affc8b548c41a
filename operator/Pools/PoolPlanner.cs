using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Pools;

/// <summary>What is to be done for a pool: an ordered list of rules, the first that speaks decides.</summary>
internal static class PoolPlanner
{
    /// <summary>Nothing wakes a pool when an object that is not ours goes away.</summary>
    private static readonly TimeSpan ForeignCheck = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LeftoverCheck = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan DropCheck = TimeSpan.FromSeconds(30);

    /// <summary>Timers do not reach as far as a certificate does.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private static readonly Func<PoolSnapshot, PoolPlan?>[] Rules =
        [Invalid, LeftoversGoing, NameTaken, StorageImmutable, StorageRefused, ApiServerUnknown, Keep];

    public static PoolPlan Plan(PoolSnapshot snapshot) =>
        Rules.Select(rule => rule(snapshot)).First(plan => plan is not null)!;

    private static PoolPlan? Invalid(PoolSnapshot snapshot) => snapshot.Errors.Count == 0 ? null : new PoolPlan
    {
        // Platforms of a broken spec may not even have a name: what was known of them stands.
        Status = PoolProgress.Stalled(snapshot, Reasons.Invalid, string.Join(" ", snapshot.Errors)) with
        {
            Platforms = snapshot.Pool.Status?.Platforms,
        },
    };

    /// <summary>A pool of the same name was deleted, and the garbage collector is not through with what it owned.</summary>
    private static PoolPlan? LeftoversGoing(PoolSnapshot snapshot) =>
        Strangers(snapshot).FirstOrDefault(entity => IsLeftover(snapshot, entity)) is not { } leftover ? null : new PoolPlan
        {
            Status = PoolProgress.Reconciling(
                snapshot, Reasons.LeftoversGoing, $"Waiting for {Named(leftover)} of a former pool of this name to be gone."),
            LookAgainAfter = LeftoverCheck,
        };

    private static PoolPlan? NameTaken(PoolSnapshot snapshot) => Strangers(snapshot).FirstOrDefault() is not { } stranger ? null : new PoolPlan
    {
        Status = PoolProgress.Stalled(
            snapshot, Reasons.NameTaken,
            $"{Named(stranger)} exists and does not belong to this pool. Delete it, or give the pool another name."),
        LookAgainAfter = ForeignCheck,
    };

    private static PoolPlan? StorageImmutable(PoolSnapshot snapshot)
    {
        var changed = snapshot.OwnPlatforms.FirstOrDefault(platform =>
            snapshot.StatefulSet(PoolObjects.Name(snapshot.Pool, platform)) is { } live
            && !PoolVolumes.IsAllowed(live, platform));
        if (changed is null) return null;
        var name = PoolObjects.Name(snapshot.Pool, changed);
        var now = PoolVolumes.Text(snapshot.StatefulSet(name)!.Spec?.VolumeClaimTemplates);
        return new PoolPlan
        {
            Status = PoolProgress.Stalled(
                snapshot, Reasons.StorageImmutable,
                $"The storage of {changed.Platform} cannot change from {now} to {PoolVolumes.Text(PoolObjects.Claims(changed))}: only its size may grow. "
                + $"Set it back, or delete StatefulSet {name} once no build runs on it, to have it made anew."),
        };
    }

    private static PoolPlan? StorageRefused(PoolSnapshot snapshot) => snapshot.GrowthRefused is not { } refusal ? null : new PoolPlan
    {
        Status = PoolProgress.Stalled(
            snapshot, Reasons.StorageImmutable,
            $"A volume cannot grow: {refusal} Let its storage class expand volumes (allowVolumeExpansion), or set the size back."),
        LookAgainAfter = ForeignCheck,
    };

    /// <summary>A policy that is there stays as it is; without any, builders would start with the API server in their reach.</summary>
    private static PoolPlan? ApiServerUnknown(PoolSnapshot snapshot) =>
        !BuilderNetworkPolicy.IsWanted(snapshot.Pool) || snapshot.ApiServer.Count > 0 || snapshot.NetworkPolicy is not null ? null : new PoolPlan
        {
            Status = PoolProgress.Reconciling(
                snapshot, Reasons.ApiServerUnknown,
                "Waiting for the addresses behind Service kubernetes of namespace default, which the pool's NetworkPolicy keeps builders from. "
                + "If the cluster has none, set spec.networkPolicy.mode: None."),
        };

    private static PoolPlan Keep(PoolSnapshot snapshot)
    {
        var orders = new List<CertificateOrder>();
        var unused = new List<NamespacedName>();
        var objects = new List<IKubernetesObject<V1ObjectMeta>>();
        var renewals = new List<DateTimeOffset>();
        var replaced = new List<V1Pod>();
        var orphaned = new List<V1StatefulSet>();
        var walled = BuilderNetworkPolicy.IsWanted(snapshot.Pool);
        // Before the builders: none shall be without it.
        if (walled && snapshot.ApiServer.Count > 0) objects.Add(BuilderNetworkPolicy.Policy(snapshot.Pool, snapshot.ApiServer));
        foreach (var platform in snapshot.OwnPlatforms.OrderBy(platform => platform.Platform, StringComparer.Ordinal))
        {
            var name = PoolObjects.Name(snapshot.Pool, platform);
            var certificate = PoolCertificates.Wanted(snapshot, name);
            if (certificate.Order is { } order) orders.Add(order);
            unused.AddRange(certificate.Unused);
            renewals.Add(PoolCertificates.RenewAt(snapshot, certificate.Certificate));
            objects.Add(PoolObjects.Service(snapshot.Pool, platform));
            objects.Add(PoolObjects.ConfigMap(snapshot.Pool, platform, snapshot.Options));
            var replicas = PoolSizing.Replicas(snapshot, platform);
            var set = PoolObjects.StatefulSet(snapshot.Pool, platform, snapshot.Options, certificate.Certificate, replicas);
            // One that is on its way out is waited for: its end wakes the pool, and then there is room for another.
            if (snapshot.StatefulSet(name) is not { } live) objects.Add(set);
            else if (live.Metadata.DeletionTimestamp is null && PoolVolumes.IsAnother(live, set)) orphaned.Add(live);
            else if (live.Metadata.DeletionTimestamp is null) objects.Add(set);
            replaced.AddRange(Replaced(snapshot, platform, replicas));
        }

        var leftOver = LeftOver(snapshot);
        var dropped = leftOver.Where(set => PoolProgress.BuildsOn(snapshot, set) == 0).ToList();
        var waits = renewals.Select(due => due - snapshot.Now).Append(LongestWait);
        if (dropped.Count < leftOver.Count) waits = waits.Append(DropCheck);
        if (PoolProgress.PatienceEnds(snapshot) is { } end) waits = waits.Append(end - snapshot.Now);
        var expiry = PoolExpiry.Plan(snapshot);
        if (expiry.NextLook is { } look) waits = waits.Append(look - snapshot.Now);
        return new PoolPlan
        {
            NeedsAuthority = snapshot.Authority is null && snapshot.OwnPlatforms.Any(),
            UnusedCertificates = unused,
            Certificates = orders,
            Objects = objects,
            Growths = [.. snapshot.OwnPlatforms.SelectMany(platform => PoolVolumes.Growths(snapshot, platform))],
            Orphaned = orphaned,
            Replaced = replaced,
            Dropped = dropped,
            DroppedPolicy = walled ? null : snapshot.NetworkPolicy,
            Drains = [.. snapshot.OwnPlatforms.Select(platform => PoolDrain.Of(snapshot, platform))],
            Expiry = expiry,
            Status = PoolProgress.Status(snapshot),
            LookAgainAfter = waits.Min(),
        };
    }

    /// <summary>What has a name that the pool needs and another owner, or none.</summary>
    private static IEnumerable<IKubernetesObject<V1ObjectMeta>> Strangers(PoolSnapshot snapshot)
    {
        var names = snapshot.OwnPlatforms.Select(platform => PoolObjects.Name(snapshot.Pool, platform)).ToHashSet();
        return snapshot.StatefulSets.Where(set => names.Contains(set.Metadata.Name) && !snapshot.Owns(set.Metadata))
            .Concat(snapshot.Foreign)
            .OrderBy(entity => entity.Metadata.Name, StringComparer.Ordinal).ThenBy(entity => entity.Kind, StringComparer.Ordinal);
    }

    private static bool IsLeftover(PoolSnapshot snapshot, IKubernetesObject<V1ObjectMeta> entity) =>
        entity.Metadata.OwnerReferences?.Any(owner => owner.Controller == true && owner.Kind == V1Alpha1BuilderPool.KindName
            && owner.ApiVersion.StartsWith(SlipwayApi.Group + "/", StringComparison.Ordinal)
            && owner.Name == snapshot.Pool.Metadata.Name && owner.Uid != snapshot.Pool.Metadata.Uid) ?? false;

    /// <summary>Retired is final: whoever is wanted all the same, or again, comes back as another pod. The others go by scaling.</summary>
    private static IEnumerable<V1Pod> Replaced(PoolSnapshot snapshot, PoolPlatform platform, int replicas) =>
        PoolBuilder.Of(snapshot, platform).Where(builder => builder is { Retired: true, Terminating: false } && builder.Ordinal < replicas)
            .Select(builder => builder.Pod);

    private static List<V1StatefulSet> LeftOver(PoolSnapshot snapshot)
    {
        var names = snapshot.OwnPlatforms.Select(platform => PoolObjects.Name(snapshot.Pool, platform)).ToHashSet();
        return [.. snapshot.StatefulSets.Where(set =>
            snapshot.Owns(set.Metadata) && set.Metadata.DeletionTimestamp is null && !names.Contains(set.Metadata.Name))];
    }

    private static string Named(IKubernetesObject<V1ObjectMeta> entity) => $"{entity.Kind} {entity.Metadata.Name}";
}
