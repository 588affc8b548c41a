using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>What the builds' controller reads, and which events bring a pass.</summary>
internal static class BuildsRegistration
{
    private const string PoolRefIndex = "poolRef";

    public static OperatorBuilder AddBuilds(this OperatorBuilder builder, BuildOptions options)
    {
        builder.Services.AddSingleton(options);
        builder.Services.AddScoped<BuildObserver>();
        return builder
            .AddInformer<V1Alpha1ImageBuild>()
            .AddIndex<V1Alpha1ImageBuild>(PoolRefIndex, PoolOf)
            .AddInformer<V1Namespace>()
            .AddIndex<V1Job>(BuildObserver.OwnerIndex, BuildObserver.OwnerOf)
            .AddIndex<V1Pod>(BuildObserver.OwnerIndex, BuildObserver.OwnerOf)
            .AddController<ImageBuildController, V1Alpha1ImageBuild>(controller => controller
                .Owns<V1Job>()
                .Watches<V1Pod>(BuildOfPod)
                .Watches<V1Alpha1BuilderPool>(BuildsOfPool));
    }

    private static IEnumerable<string> PoolOf(V1Alpha1ImageBuild build) =>
        [new NamespacedName(build.Spec.PoolRef.Namespace is { Length: > 0 } other ? other : build.Metadata.NamespaceProperty, build.Spec.PoolRef.Name).ToString()];

    /// <summary>A pod belongs to a Job, and the Job to a build.</summary>
    private static Func<V1Pod?, V1Pod?, IEnumerable<NamespacedName>> BuildOfPod(IServiceProvider services)
    {
        var jobs = services.GetRequiredService<IStore<V1Job>>();
        return (before, after) =>
            from pod in new[] { after ?? before }
            from reference in pod?.Metadata.OwnerReferences ?? []
            where reference is { Controller: true, Kind: "Job" }
            let job = jobs.Get(new NamespacedName(pod.Metadata.NamespaceProperty, reference.Name))
            from owner in job?.Metadata.OwnerReferences ?? []
            where owner is { Controller: true, Kind: V1Alpha1ImageBuild.KindName }
            select new NamespacedName(pod.Metadata.NamespaceProperty, owner.Name);
    }

    /// <summary>Unfinished builds alone: a pool that changes its status a thousand times must not wake a thousand finished builds each time.</summary>
    private static Func<V1Alpha1BuilderPool?, V1Alpha1BuilderPool?, IEnumerable<NamespacedName>> BuildsOfPool(IServiceProvider services)
    {
        var builds = services.GetRequiredService<IStore<V1Alpha1ImageBuild>>();
        return (before, after) => builds.ByIndex(PoolRefIndex, NamespacedName.Of((after ?? before)!).ToString())
            .Where(build => build.Status?.CompletedAt is null)
            .Select(build => NamespacedName.Of(build));
    }
}
