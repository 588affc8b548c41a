using System.Globalization;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Pools;

/// <summary>
/// What of a StatefulSet cannot be changed in place. Its volumes may grow, one by one; for the rest it is deleted without its pods, and
/// another one of the same name takes them over.
/// </summary>
internal static class PoolVolumes
{
    /// <summary>Whether the live StatefulSet has to make room for another.</summary>
    public static bool IsAnother(V1StatefulSet live, V1StatefulSet wanted) => Fixed(live) != Fixed(wanted);

    /// <summary>Whether volumes of the live StatefulSet could become those of the platform.</summary>
    public static bool IsAllowed(V1StatefulSet live, PoolPlatform platform)
    {
        var (before, now) = (Claim(live.Spec?.VolumeClaimTemplates), Claim(PoolObjects.Claims(platform)));
        return (before, now) switch
        {
            (null, null) => true,
            (null, _) or (_, null) => false,
            _ => ClassOf(before) == ClassOf(now) && Bytes(before) <= Bytes(now),
        };
    }

    /// <summary>
    /// The claims that may exist and be smaller than the platform says, in order. Those of builders that are not there right now, too: they
    /// come back with them.
    /// </summary>
    public static IEnumerable<VolumeGrowth> Growths(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var name = PoolObjects.Name(snapshot.Pool, platform);
        if (snapshot.StatefulSet(name) is not { } live || platform.Storage?.Size is not { } size) return [];
        if (Claim(live.Spec?.VolumeClaimTemplates) is not { } before || Bytes(before) >= size.ToDecimal()) return [];
        var claims = Math.Max(PoolSizing.Max(platform), live.Spec!.Replicas ?? 0);
        return Enumerable.Range(0, claims).Select(ordinal => new VolumeGrowth(
            new NamespacedName(snapshot.Pool.Metadata.NamespaceProperty, $"{PoolObjects.Volume}-{ChildNames.BuilderPod(name, ordinal)}"), size));
    }

    /// <summary>Size by value, so that 1Gi and 1024Mi are the same, and class; as people read it.</summary>
    public static string Text(IList<V1PersistentVolumeClaim>? claims)
    {
        if (Claim(claims) is not { } claim) return "none";
        var size = Bytes(claim) is { } bytes ? bytes.ToString("0.###", CultureInfo.InvariantCulture) + " bytes" : "no size";
        return ClassOf(claim) is { Length: > 0 } name ? $"{size} of class {name}" : size;
    }

    private static string Fixed(V1StatefulSet set) => string.Join(
        '\n', set.Spec.ServiceName, set.Spec.PodManagementPolicy, Text(set.Spec.VolumeClaimTemplates), Claim(set.Spec.VolumeClaimTemplates)?.Metadata?.Name,
        string.Join(',', set.Spec.Selector.MatchLabels.OrderBy(label => label.Key, StringComparer.Ordinal).Select(label => $"{label.Key}={label.Value}")));

    private static V1PersistentVolumeClaim? Claim(IList<V1PersistentVolumeClaim>? claims) => claims?.FirstOrDefault();

    private static string ClassOf(V1PersistentVolumeClaim claim) => claim.Spec?.StorageClassName ?? "";

    private static decimal? Bytes(V1PersistentVolumeClaim claim) =>
        claim.Spec?.Resources?.Requests is { } requests && requests.TryGetValue("storage", out var quantity) ? quantity.ToDecimal() : null;
}

/// <summary>The claim of one builder, where it exists, and the size that it shall have.</summary>
internal sealed record VolumeGrowth(NamespacedName Claim, ResourceQuantity Size);
