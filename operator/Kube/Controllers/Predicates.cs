using k8s;
using k8s.Models;

namespace Slipway.Kube.Controllers;

/// <summary>Whether a change is worth a pass. A change that is not leaves no trace: it neither wakes a key nor moves a wait.</summary>
internal static class Predicates
{
    /// <summary>For a controller's own kind: its spec, its deletion and what holds that up, or a person's wish by annotation. Not its status: we write that.</summary>
    public static bool WantsPass<T>(T? old, T? now, string reconcileAnnotation)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        if (old is null || now is null)
        {
            return true;
        }

        // Core kinds have no generation: there any change may be one of the spec.
        return (now.Metadata.Generation is null or 0 && ResourceVersionChanged(old, now))
            || old.Metadata.Generation != now.Metadata.Generation
            || old.Metadata.DeletionTimestamp != now.Metadata.DeletionTimestamp
            || !(old.Metadata.Finalizers ?? []).SequenceEqual(now.Metadata.Finalizers ?? [])
            || Annotation(old, reconcileAnnotation) != Annotation(now, reconcileAnnotation);
    }

    /// <summary>For all other kinds, whose status is what a controller waits for.</summary>
    public static bool ResourceVersionChanged<T>(T? old, T? now)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        old?.Metadata.ResourceVersion != now?.Metadata.ResourceVersion;

    private static string? Annotation<T>(T entity, string name)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        entity.Metadata.Annotations is { } annotations && annotations.TryGetValue(name, out var value) ? value : null;
}
