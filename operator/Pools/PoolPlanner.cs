using System.Globalization;
using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Pki;

namespace Slipway.Pools;

/// <summary>What is to be done for a pool: an ordered list of rules, the first that speaks decides.</summary>
internal static class PoolPlanner
{
    /// <summary>Nothing wakes a pool when an object that is not ours goes away.</summary>
    private static readonly TimeSpan ForeignCheck = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LeftoverCheck = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetireCheck = TimeSpan.FromSeconds(30);

    /// <summary>Timers do not reach as far as a certificate does.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    /// <summary>A third of the lifetime is left for builders to start anew by themselves.</summary>
    private static readonly TimeSpan RenewBefore = Certificates.ServerLifetime / 3;

    private static readonly Func<PoolSnapshot, PoolPlan?>[] Rules = [Invalid, LeftoversGoing, NameTaken, StorageImmutable, ApiServerUnknown, Keep];

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
        var changed = snapshot.Pool.Spec.Platforms.FirstOrDefault(platform =>
            snapshot.StatefulSet(PoolObjects.Name(snapshot.Pool, platform)) is { } live
            && StorageOf(live.Spec?.VolumeClaimTemplates) != StorageOf(PoolObjects.Claims(platform)));
        if (changed is null) return null;
        var name = PoolObjects.Name(snapshot.Pool, changed);
        var now = StorageOf(snapshot.StatefulSet(name)!.Spec?.VolumeClaimTemplates);
        return new PoolPlan
        {
            Status = PoolProgress.Stalled(
                snapshot, Reasons.StorageImmutable,
                $"The storage of {changed.Platform} cannot change from {now} to {StorageOf(PoolObjects.Claims(changed))}. "
                + $"Set it back, or delete StatefulSet {name} once no build runs on it, to have it made anew."),
        };
    }

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
        var objects = new List<IKubernetesObject<V1ObjectMeta>>();
        var renewals = new List<DateTimeOffset>();
        var walled = BuilderNetworkPolicy.IsWanted(snapshot.Pool);
        // Before the builders: none shall be without it.
        if (walled && snapshot.ApiServer.Count > 0) objects.Add(BuilderNetworkPolicy.Policy(snapshot.Pool, snapshot.ApiServer));
        foreach (var platform in snapshot.Pool.Spec.Platforms.OrderBy(platform => platform.Platform, StringComparer.Ordinal))
        {
            var name = PoolObjects.Name(snapshot.Pool, platform);
            var current = CurrentCertificate(snapshot, name);
            var certificate = current ?? NextCertificate(snapshot, name);
            if (current is null) orders.Add(Order(snapshot, name, certificate));
            renewals.Add(certificate.Expires - RenewBefore);
            objects.Add(PoolObjects.Service(snapshot.Pool, platform));
            objects.Add(PoolObjects.ConfigMap(snapshot.Pool, platform, snapshot.Options));
            objects.Add(PoolObjects.StatefulSet(snapshot.Pool, platform, snapshot.Options, certificate));
        }

        var outdated = Outdated(snapshot);
        var retired = outdated.Where(set => PoolProgress.BuildsOn(snapshot, set) == 0).ToList();
        var waits = renewals.Select(due => due - snapshot.Now).Append(LongestWait);
        if (retired.Count < outdated.Count) waits = waits.Append(RetireCheck);
        if (PoolProgress.PatienceEnds(snapshot) is { } end) waits = waits.Append(end - snapshot.Now);
        return new PoolPlan
        {
            Certificates = orders,
            Objects = objects,
            Retired = retired,
            RetiredPolicy = walled ? null : snapshot.NetworkPolicy,
            Status = PoolProgress.Status(snapshot),
            LookAgainAfter = waits.Min(),
        };
    }

    /// <summary>What has a name that the pool needs and another owner, or none.</summary>
    private static IEnumerable<IKubernetesObject<V1ObjectMeta>> Strangers(PoolSnapshot snapshot)
    {
        var names = snapshot.Pool.Spec.Platforms.Select(platform => PoolObjects.Name(snapshot.Pool, platform)).ToHashSet();
        return snapshot.StatefulSets.Where(set => names.Contains(set.Metadata.Name) && !snapshot.Owns(set.Metadata))
            .Concat(snapshot.Foreign)
            .OrderBy(entity => entity.Metadata.Name, StringComparer.Ordinal).ThenBy(entity => entity.Kind, StringComparer.Ordinal);
    }

    private static bool IsLeftover(PoolSnapshot snapshot, IKubernetesObject<V1ObjectMeta> entity) =>
        entity.Metadata.OwnerReferences?.Any(owner => owner.Controller == true && owner.Kind == V1Alpha1BuilderPool.KindName
            && owner.ApiVersion.StartsWith(SlipwayApi.Group + "/", StringComparison.Ordinal)
            && owner.Name == snapshot.Pool.Metadata.Name && owner.Uid != snapshot.Pool.Metadata.Uid) ?? false;

    private static List<V1StatefulSet> Outdated(PoolSnapshot snapshot)
    {
        var names = snapshot.Pool.Spec.Platforms.Select(platform => PoolObjects.Name(snapshot.Pool, platform)).ToHashSet();
        return [.. snapshot.StatefulSets.Where(set =>
            snapshot.Owns(set.Metadata) && set.Metadata.DeletionTimestamp is null && !names.Contains(set.Metadata.Name))];
    }

    private static ServerCertificate? CurrentCertificate(PoolSnapshot snapshot, string name)
    {
        var annotations = snapshot.StatefulSet(name)?.Metadata.Annotations;
        if (annotations is null
            || !annotations.TryGetValue(SlipwayApi.CertificateSerialAnnotation, out var serial)
            || !annotations.TryGetValue(SlipwayApi.CertificateExpiryAnnotation, out var text)
            || !DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var expires)) return null;
        return expires - snapshot.Now > RenewBefore ? new ServerCertificate(serial, expires) : null;
    }

    /// <summary>
    /// The serial follows from the one before, so that a pass after an interrupted one finds what that one left under the same name.
    /// </summary>
    private static ServerCertificate NextCertificate(PoolSnapshot snapshot, string name)
    {
        var annotations = snapshot.StatefulSet(name)?.Metadata.Annotations;
        var previous = "";
        if (annotations?.TryGetValue(SlipwayApi.CertificateSerialAnnotation, out var serial) ?? false) previous = serial;
        return new ServerCertificate(
            ChildNames.Hash($"{snapshot.Pool.Metadata.Uid}/{name}/{previous}", 16),
            Conditions.WholeSecond(snapshot.Now + Certificates.ServerLifetime));
    }

    private static CertificateOrder Order(PoolSnapshot snapshot, string name, ServerCertificate certificate)
    {
        var space = snapshot.Pool.Metadata.NamespaceProperty;
        var secret = new NamespacedName(space, ChildNames.ServerCertificate(name, certificate.Serial));
        return new CertificateOrder(secret, ChildNames.BuilderServerName("*", name, space), certificate);
    }

    /// <summary>Size by value, so that 1Gi and 1024Mi are the same, and class; as people read it.</summary>
    private static string StorageOf(IList<V1PersistentVolumeClaim>? claims)
    {
        if (claims?.FirstOrDefault()?.Spec is not { } claim) return "none";
        var size = claim.Resources?.Requests is { } requests && requests.TryGetValue("storage", out var quantity)
            ? quantity.ToDecimal().ToString("0.###", CultureInfo.InvariantCulture) + " bytes" : "no size";
        return claim.StorageClassName is { Length: > 0 } name ? $"{size} of class {name}" : size;
    }

    private static string Named(IKubernetesObject<V1ObjectMeta> entity) => $"{entity.Kind} {entity.Metadata.Name}";
}
