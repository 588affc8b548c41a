using k8s;
using k8s.Models;

namespace Slipway.Kube.Controllers;

/// <summary>Wakes the controller of <typeparamref name="E"/> from elsewhere, such as a scheduler that has granted a slot.</summary>
internal interface IReconcileTrigger<E>
    where E : class, IKubernetesObject<V1ObjectMeta>
{
    /// <summary>A pass for the key, as soon as a worker is free. Calls before it starts count as one.</summary>
    void Enqueue(NamespacedName key);

    /// <summary>A pass for the key not later than after <paramref name="delay"/>.</summary>
    void EnqueueAfter(NamespacedName key, TimeSpan delay);
}
