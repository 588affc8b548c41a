using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Scheduling;

/// <summary>From an object to its pool, by labels.</summary>
internal static class PoolLabels
{
    /// <summary>Of a builder's StatefulSet or pod, which live in the pool's namespace.</summary>
    public static IEnumerable<NamespacedName> PoolOf(IMetadata<V1ObjectMeta>? builder)
    {
        if (builder?.Metadata.Labels is { } labels
            && labels.TryGetValue(SlipwayApi.ComponentLabel, out var component) && component == SlipwayApi.BuilderComponent
            && labels.TryGetValue(SlipwayApi.PoolLabel, out var pool))
            yield return new NamespacedName(builder.Metadata.NamespaceProperty, pool);
    }

    /// <summary>Of a build's Job, which lives in the build's namespace and names the pool's.</summary>
    public static IEnumerable<NamespacedName> PoolOf(V1Job? job)
    {
        if (job?.Metadata.Labels is { } labels
            && labels.TryGetValue(SlipwayApi.PoolNamespaceLabel, out var space) && labels.TryGetValue(SlipwayApi.PoolLabel, out var pool))
            yield return new NamespacedName(space, pool);
    }
}
