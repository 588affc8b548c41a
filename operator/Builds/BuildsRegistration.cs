using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;

namespace Slipway.Builds;

/// <summary>What the builds' controller reads, and which events bring a pass.</summary>
internal static class BuildsRegistration
{
    private const string PoolRefIndex = "poolRef";
    private const string NamespaceIndex = "namespace";

    public static OperatorBuilder AddBuilds(this OperatorBuilder builder, BuildOptions options)
    {
        builder.Services.AddSingleton(options);
        builder.Services.AddScoped<BuildObserver>();
        builder.Services.AddSingleton<TagTurns>();
        builder.Services.AddSingleton<BuildMetrics>();
        builder.Services.AddSingleton<BuildReporter>();
        return builder
            .AddInformer<V1Alpha1ImageBuild>()
            .AddIndex<V1Alpha1ImageBuild>(PoolRefIndex, build => [BuildSnapshot.PoolKeyOf(build).ToString()])
            .AddIndex<V1Alpha1ImageBuild>(NamespaceIndex, build => [build.Metadata.NamespaceProperty])
            .AddIndex<V1Alpha1ImageBuild>(BuildObserver.TagIndex, Rivals.TagsOf)
            .AddIndex<V1Alpha1ImageBuild>(BuildObserver.GroupIndex, Rivals.GroupOf)
            .AddInformer<V1Namespace>()
            .AddIndex<V1Job>(BuildObserver.OwnerIndex, BuildObserver.OwnerOf)
            .AddIndex<V1Pod>(BuildObserver.OwnerIndex, BuildObserver.OwnerOf)
            .AddController<ImageBuildController, V1Alpha1ImageBuild>(controller => controller
                .Owns<V1Job>()
                .Watches<V1Pod>(BuildOfPod)
                .Watches<V1Alpha1BuilderPool>(BuildsOfPool)
                .Watches<V1Alpha1ImageBuild>(BuildsOfGroup)
                .Watches<V1Alpha1ImageBuild>(OlderBuildsOfTags)
                .Watches<V1Namespace>(BuildsOfNamespace));
    }

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

    /// <summary>
    /// Unfinished builds alone, and only for what a build looks at: a pool changes its counters with every Job, and a thousand builds
    /// that wait must not be planned anew each time. The scheduler wakes those whose turn it is.
    /// </summary>
    private static Func<V1Alpha1BuilderPool?, V1Alpha1BuilderPool?, IEnumerable<NamespacedName>> BuildsOfPool(IServiceProvider services)
    {
        var builds = services.GetRequiredService<IStore<V1Alpha1ImageBuild>>();
        return (before, after) => before is not null && after is not null && PoolAdmission.LooksTheSame(before, after) ? []
            : Unfinished(builds.ByIndex(PoolRefIndex, NamespacedName.Of((after ?? before)!).ToString()));
    }

    /// <summary>A build that was asked for may end others of its concurrency group.</summary>
    private static Func<V1Alpha1ImageBuild?, V1Alpha1ImageBuild?, IEnumerable<NamespacedName>> BuildsOfGroup(IServiceProvider services)
    {
        var builds = services.GetRequiredService<IStore<V1Alpha1ImageBuild>>();
        return (before, after) => after is null || (before is not null && before.Status?.RequestedAt == after.Status?.RequestedAt && before.Spec.ConcurrencyGroup == after.Spec.ConcurrencyGroup) ? []
            : Unfinished(Rivals.GroupOf(after).SelectMany(group => builds.ByIndex(BuildObserver.GroupIndex, group)));
    }

    /// <summary>
    /// A build that has just put tags takes them from older ones, which remember it. Newer ones have nothing to learn from it, and one that
    /// is listed has told them before, or finds them at the same start.
    /// </summary>
    private static Func<V1Alpha1ImageBuild?, V1Alpha1ImageBuild?, IEnumerable<NamespacedName>> OlderBuildsOfTags(IServiceProvider services)
    {
        var builds = services.GetRequiredService<IStore<V1Alpha1ImageBuild>>();
        return (before, after) => before is null || before.Status?.Phase == Phases.Succeeded || after?.Status is not { Phase: Phases.Succeeded, RequestedAt: { } asked } ? []
            : Unfinished(Rivals.TagsOf(after).SelectMany(tag => builds.ByIndex(BuildObserver.TagIndex, tag)).Where(other => Rivals.RequestedAt(other) < asked));
    }

    /// <summary>A pool may admit namespaces by their labels.</summary>
    private static Func<V1Namespace?, V1Namespace?, IEnumerable<NamespacedName>> BuildsOfNamespace(IServiceProvider services)
    {
        var builds = services.GetRequiredService<IStore<V1Alpha1ImageBuild>>();
        return (before, after) => Unfinished(builds.ByIndex(NamespaceIndex, (after ?? before)!.Metadata.Name));
    }

    private static IEnumerable<NamespacedName> Unfinished(IEnumerable<V1Alpha1ImageBuild> builds) =>
        builds.Where(build => build.Status?.CompletedAt is null).Select(build => NamespacedName.Of(build));
}
