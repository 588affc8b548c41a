using k8s.Models;

namespace Slipway.Kube;

/// <summary>The key of an object within its kind. <see cref="Namespace"/> is empty for cluster-scoped kinds.</summary>
internal readonly record struct NamespacedName(string Namespace, string Name)
{
    public static NamespacedName Of(IMetadata<V1ObjectMeta> entity) => Of(entity.Metadata);

    public static NamespacedName Of(V1ObjectMeta metadata) => new(metadata.NamespaceProperty ?? "", metadata.Name);

    public override string ToString() => string.IsNullOrEmpty(Namespace) ? Name : $"{Namespace}/{Name}";
}
