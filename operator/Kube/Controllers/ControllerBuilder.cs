using k8s;
using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using Slipway.Kube.Informers;

namespace Slipway.Kube.Controllers;

/// <summary>What else, beside its own objects, wakes a controller of <typeparamref name="E"/>.</summary>
internal sealed class ControllerBuilder<E>
    where E : class, IKubernetesObject<V1ObjectMeta>
{
    /// <summary>Each connects one informer to the queue, when the operator starts.</summary>
    internal List<Action<IServiceProvider, Action<NamespacedName>>> Sources { get; } =
        [];

    /// <summary>Every start begins with a pass for this key: for what has to be looked at although no object may be left that asks for it.</summary>
    public ControllerBuilder<E> StartsWith(NamespacedName key)
    {
        Sources.Add((_, enqueue) => enqueue(key));
        return this;
    }

    /// <summary>Children: a change of an object wakes the <typeparamref name="E"/> that is its controller by owner reference.</summary>
    public ControllerBuilder<E> Owns<T>()
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        Watches<T>(_ => OwnerMapping.Keys<E, T>);

    /// <summary>
    /// A change of an object (old, new; either may be null) wakes the keys that the map gives. Map both: a key that only the old
    /// object pointed to wants to know that this is over.
    /// </summary>
    public ControllerBuilder<E> Watches<T>(Func<IServiceProvider, Func<T?, T?, IEnumerable<NamespacedName>>> map)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        Sources.Add((provider, enqueue) =>
        {
            var keys = map(provider);
            provider.GetRequiredService<Informer<T>>().AddHandler((old, now) =>
            {
                if (!Predicates.ResourceVersionChanged(old, now))
                {
                    return;
                }

                foreach (var key in keys(old, now).Distinct())
                {
                    enqueue(key);
                }
            });
        });
        return this;
    }
}
