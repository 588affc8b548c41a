using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Kube.Controllers;

/// <summary>From a child to the object that controls it.</summary>
internal static class OwnerMapping
{
    /// <summary>The controllers of kind <typeparamref name="E"/> of the old and the new child; they differ when a child changes hands.</summary>
    public static IEnumerable<NamespacedName> Keys<E, T>(T? old, T? now)
        where E : class, IKubernetesObject<V1ObjectMeta>
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        Owners<E>(old?.Metadata).Concat(Owners<E>(now?.Metadata)).Distinct();

    // An owner lies in the namespace of its child.
    private static IEnumerable<NamespacedName> Owners<E>(V1ObjectMeta? child)
        where E : class, IKubernetesObject<V1ObjectMeta> =>
        (child?.OwnerReferences ?? [])
            .Where(reference => reference.Controller == true && EntityKind.Of<E>().IsKindOf(reference))
            .Select(reference => new NamespacedName(child!.NamespaceProperty ?? "", reference.Name));
}
