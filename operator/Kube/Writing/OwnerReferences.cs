using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Kube.Writing;

/// <summary>Owner references for children of an entity.</summary>
internal static class OwnerReferences
{
    /// <summary>
    /// Makes <paramref name="owner"/> the controller of a child. blockOwnerDeletion lets a foreground deletion of the owner wait
    /// for the child, and needs the permission to update the owner's finalizers subresource.
    /// </summary>
    public static V1OwnerReference ControlledBy<E>(E owner)
        where E : class, IKubernetesObject<V1ObjectMeta>
    {
        var kind = EntityKind.Of<E>();
        return new V1OwnerReference
        {
            ApiVersion = kind.ApiVersion,
            Kind = kind.Kind,
            Name = owner.Metadata.Name,
            Uid = owner.Metadata.Uid,
            Controller = true,
            BlockOwnerDeletion = true,
        };
    }
}
