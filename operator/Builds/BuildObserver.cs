using k8s.Models;
using Slipway.Api;
using Slipway.Api.Validation;
using Slipway.Kube;
using Slipway.Kube.Informers;
using Slipway.Kube.Writing;

namespace Slipway.Builds;

/// <summary>Gathers what a decision may look at, from stores alone: no request is made.</summary>
internal sealed class BuildObserver(
    IStore<V1Alpha1BuilderPool> pools,
    IStore<V1Job> jobs,
    IStore<V1Pod> pods,
    IStore<V1Namespace> namespaces,
    Deleter deleter,
    BuildOptions options,
    TimeProvider time)
{
    /// <summary>Index of Jobs and pods: uid of the controller that owns them.</summary>
    public const string OwnerIndex = "owner";

    public BuildSnapshot Observe(V1Alpha1ImageBuild build)
    {
        var snapshot = new BuildSnapshot
        {
            Build = build,
            ValidationErrors = Validation.Errors(build),
            Jobs = [.. jobs.ByIndex(OwnerIndex, build.Metadata.Uid).OrderBy(job => job.Metadata.Name, StringComparer.Ordinal).Select(WithPods)],
            NamespaceLabels = LabelsOf(build.Metadata.NamespaceProperty),
            Options = options,
            Now = time.GetUtcNow(),
        };
        return snapshot with { Pool = pools.Get(snapshot.PoolKey) };
    }

    /// <summary>Keys of the owner index: a result is only believed from a pod whose Job has the uid that we know.</summary>
    public static IEnumerable<string> OwnerOf(IMetadata<V1ObjectMeta> child) =>
        (child.Metadata.OwnerReferences ?? []).Where(owner => owner.Controller is true).Select(owner => owner.Uid);

    private BuildJob WithPods(V1Job job) => new(job, pods.ByIndex(OwnerIndex, job.Metadata.Uid)) { Deleted = deleter.HasDeleted(job.Metadata.Uid) };

    private IReadOnlyDictionary<string, string> LabelsOf(string name) =>
        namespaces.Get(new NamespacedName("", name))?.Metadata.Labels is { } labels ? labels.ToDictionary() : new Dictionary<string, string>();
}
