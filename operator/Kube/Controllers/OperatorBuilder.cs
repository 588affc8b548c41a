using k8s;
using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Slipway.Kube.Informers;
using Slipway.Kube.Telemetry;

namespace Slipway.Kube.Controllers;

/// <summary>Says which kinds the operator knows and who reconciles them. See <see cref="OperatorServices.AddKubernetesOperator"/>.</summary>
internal sealed class OperatorBuilder(IServiceCollection services)
{
    public IServiceCollection Services { get; } = services;

    /// <summary>
    /// Keeps all objects of a kind in an <see cref="IStore{T}"/>, once for everybody who needs them. Kinds that others create too
    /// (Jobs, Pods, StatefulSets) want a <paramref name="labelSelector"/>, or the store holds the whole cluster's.
    /// </summary>
    /// <param name="labelSelector">Only these.</param>
    /// <param name="namespace">Only here; null for all namespaces.</param>
    /// <param name="transform">Drops what nobody reads from an object before it is stored. managedFields go anyway.</param>
    /// <exception cref="InvalidOperationException">The kind has an informer already.</exception>
    public OperatorBuilder AddInformer<T>(string? labelSelector = null, string? @namespace = null, Action<T>? transform = null)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        if (Has<InformerScope<T>>())
        {
            throw new InvalidOperationException($"There is an informer of {typeof(T).Name} already; a kind has one.");
        }

        Services.AddSingleton(new InformerScope<T> { LabelSelector = labelSelector, Namespace = @namespace, Transform = transform });
        Services.AddSingleton<Store<T>>();
        Services.AddSingleton<IStore<T>>(provider => provider.GetRequiredService<Store<T>>());
        Services.AddSingleton<Informer<T>>();
        Services.AddSingleton<IInformer>(provider => provider.GetRequiredService<Informer<T>>());
        return this;
    }

    /// <summary>Adds a named index to the store of a kind.</summary>
    public OperatorBuilder AddIndex<T>(string name, Func<T, IEnumerable<string>> keys)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        Services.AddSingleton(new StoreIndex<T>(name, keys));
        return this;
    }

    /// <summary>
    /// Reconciles the objects of kind <typeparamref name="E"/> with <typeparamref name="C"/>. The kind, and each kind that
    /// <paramref name="configure"/> owns or watches, needs an <see cref="AddInformer"/> of its own.
    /// </summary>
    /// <exception cref="InvalidOperationException">The kind has a controller already: two would race for the same objects.</exception>
    public OperatorBuilder AddController<C, E>(Action<ControllerBuilder<E>>? configure = null)
        where C : class, IEntityController<E>
        where E : class, IKubernetesObject<V1ObjectMeta>
    {
        if (Has<ControllerWorker<E>>())
        {
            throw new InvalidOperationException($"There is a controller of {typeof(E).Name} already; a kind has one.");
        }

        var builder = new ControllerBuilder<E>();
        configure?.Invoke(builder);
        Services.TryAddScoped<C>();
        Services.AddSingleton(provider => new ControllerWorker<E>(
            typeof(C), builder.Sources, provider.GetRequiredService<IStore<E>>(), provider.GetRequiredService<IServiceScopeFactory>(),
            provider.GetRequiredService<OperatorOptions>(), provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<OperatorMetrics>(), provider.GetRequiredService<ILogger<ControllerWorker<E>>>()));
        Services.AddSingleton<IControllerWorker>(provider => provider.GetRequiredService<ControllerWorker<E>>());
        Services.AddSingleton<IReconcileTrigger<E>>(provider => provider.GetRequiredService<ControllerWorker<E>>());
        return this;
    }

    private bool Has<TService>() => Services.Any(descriptor => descriptor.ServiceType == typeof(TService));
}
