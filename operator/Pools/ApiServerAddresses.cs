using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;

namespace Slipway.Pools;

/// <summary>Where the API server listens: the addresses behind the Service kubernetes, and none while they are not known.</summary>
internal delegate IReadOnlyList<string> ApiServerAddresses();

/// <summary>
/// Keeps track of them. Connections to the Service are sent on to one of these before most networks look at their policies. The rights
/// are the cluster's, not one namespace's: they show no more than the addresses of pods, which the operator sees anyway.
/// </summary>
[EntityRbac(typeof(V1EndpointSlice), typeof(V1Endpoints), Verbs = RbacVerb.Get | RbacVerb.List | RbacVerb.Watch)]
internal static class ApiServerWatch
{
    private const string Namespace = "default";
    private const string Service = "kubernetes";

    /// <summary>Servers before 1.21 have Endpoints alone; newer ones warn of them.</summary>
    public static OperatorBuilder AddApiServerAddresses(this OperatorBuilder builder, PoolOptions options)
    {
        if (options.HasEndpointSlices)
        {
            builder.AddInformer<V1EndpointSlice>($"kubernetes.io/service-name={Service}", Namespace);
            builder.Services.AddSingleton<ApiServerAddresses>(provider => () => Of(provider.GetRequiredService<IStore<V1EndpointSlice>>().List()));
        }
        else
        {
            builder.AddInformer<V1Endpoints>(@namespace: Namespace);
            builder.Services.AddSingleton<ApiServerAddresses>(provider => () => Of(provider.GetRequiredService<IStore<V1Endpoints>>().List()));
        }

        return builder;
    }

    /// <summary>A change of the addresses changes the policies of all pools.</summary>
    public static ControllerBuilder<V1Alpha1BuilderPool> WatchesApiServer(this ControllerBuilder<V1Alpha1BuilderPool> pools, PoolOptions options) =>
        options.HasEndpointSlices
            ? pools.Watches<V1EndpointSlice>(provider => (old, now) => All(provider, Addresses(old), Addresses(now)))
            : pools.Watches<V1Endpoints>(provider => (old, now) => All(provider, Addresses(old), Addresses(now)));

    internal static IReadOnlyList<string> Of(IEnumerable<V1EndpointSlice> slices) => [.. slices.SelectMany(Addresses)];

    internal static IReadOnlyList<string> Of(IEnumerable<V1Endpoints> endpoints) => [.. endpoints.SelectMany(Addresses)];

    private static IEnumerable<string> Addresses(V1EndpointSlice? slice) => (slice?.Endpoints ?? []).SelectMany(endpoint => endpoint.Addresses);

    /// <summary>One that is not ready listens all the same.</summary>
    private static IEnumerable<string> Addresses(V1Endpoints? endpoints) => endpoints?.Metadata.Name != Service ? [] :
        (endpoints.Subsets ?? []).SelectMany(subset => (subset.Addresses ?? []).Concat(subset.NotReadyAddresses ?? [])).Select(address => address.Ip);

    private static IEnumerable<NamespacedName> All(IServiceProvider provider, IEnumerable<string> old, IEnumerable<string> now) =>
        old.ToHashSet().SetEquals(now) ? [] : provider.GetRequiredService<IStore<V1Alpha1BuilderPool>>().List().Select(NamespacedName.Of);
}
