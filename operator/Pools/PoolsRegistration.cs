using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Slipway.Api;
using Slipway.Cache;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;
using Slipway.Pki;
using Slipway.Scheduling;

namespace Slipway.Pools;

internal static class PoolsRegistration
{
    private const string BuilderSelector = $"{SlipwayApi.ManagedBySelector},{SlipwayApi.ComponentLabel}={SlipwayApi.BuilderComponent}";

    /// <summary>
    /// The pools' controller with the informers of all that it makes, of nodes, authorities and the API server's addresses. The caller adds
    /// the informers of pods and Jobs, the index of pods by pool (AddScheduling), a <see cref="PoolValidation"/> and the Jobs' options.
    /// </summary>
    public static OperatorBuilder AddPools(this OperatorBuilder builder, PoolOptions options, PkiOptions pki)
    {
        builder.Services.AddSingleton(options);
        builder.Services.AddSingleton(pki);
        builder.Services.TryAddSingleton<PoolAuthority>();
        builder.Services.TryAddSingleton<IClientCertificates>(provider => provider.GetRequiredService<PoolAuthority>());
        builder.Services.TryAddSingleton<PoolObserver>();
        builder.Services.TryAddSingleton<StatusPace>();
        builder.Services.TryAddSingleton<IssuedCertificates>();
        builder.Services.TryAddSingleton<AuthoritySweep>();
        builder.Services.TryAddSingleton<CacheExpiry>();
        builder.Services.TryAddSingleton<PoolLedger>();
        builder.Services.TryAddSingleton<ICacheLedger>(provider => provider.GetRequiredService<PoolLedger>());
        return builder
            .AddInformer<V1Alpha1BuilderPool>()
            .AddInformer<V1StatefulSet>(BuilderSelector)
            .AddInformer<V1Service>(BuilderSelector)
            .AddInformer<V1ConfigMap>($"{SlipwayApi.ManagedBySelector},{SlipwayApi.ComponentLabel} in ({SlipwayApi.BuilderComponent},{SlipwayApi.CacheComponent})")
            .AddInformer<V1Node>(transform: NodeWatch.Trim)
            .AddIndex<V1Pod>(NodeWatch.Index, NodeWatch.NodeOf)
            .AddIndex<V1Job>(CacheExpiry.OwnerIndex, CacheExpiry.OwnerOf)
            .AddIndex<V1Pod>(CacheExpiry.OwnerIndex, CacheExpiry.OwnerOf)
            .AddIndex<V1Job>(CacheExpiry.BucketIndex, CacheExpiry.BucketOf)
            // The authorities alone, in the only namespace whose Secrets the operator reads.
            .AddInformer<V1Secret>(PkiObjects.AuthoritySelector, pki.OperatorNamespace)
            .AddInformer<V1NetworkPolicy>(BuilderSelector)
            .AddApiServerAddresses(options)
            .AddIndex<V1StatefulSet>(PoolReader.PoolIndex, PoolReader.PoolOf)
            .AddController<BuilderPoolController, V1Alpha1BuilderPool>(pools => pools
                .StartsWith(AuthoritySweep.AtStart)
                .Owns<V1StatefulSet>()
                .Owns<V1Service>()
                .Owns<V1ConfigMap>()
                .Owns<V1NetworkPolicy>()
                .WatchesApiServer(options)
                // By label, so that a foreign StatefulSet that blocks a pool and goes away wakes it.
                .Watches<V1StatefulSet>(_ => (old, now) => PoolLabels.PoolOf(old).Concat(PoolLabels.PoolOf(now)))
                // Pods belong to the StatefulSet, not to the pool.
                .Watches<V1Pod>(_ => (old, now) => PoolLabels.PoolOf(old).Concat(PoolLabels.PoolOf(now)).Concat(CacheExpiry.PoolOf(now)))
                .Watches<V1Node>(provider => NodeWatch.PoolsOf(provider.GetRequiredService<IStore<V1Pod>>()))
                // An authority that somebody deletes has its pool re-keyed.
                .Watches<V1Secret>(_ => (old, now) => PkiObjects.PoolOf(old).Concat(PkiObjects.PoolOf(now)))
                // Builds that start and end change the counters, and what makes the cache go has a result at its end.
                .Watches<V1Job>(_ => (old, now) => PoolLabels.PoolOf(old).Concat(PoolLabels.PoolOf(now))));
    }
}
