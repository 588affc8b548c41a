using k8s;
using k8s.Models;

namespace Slipway.Kube.Informers;

/// <summary>
/// What an informer knows of one kind. The objects are shared by everyone who reads the store: never change one.
/// Reads may lag behind the cluster, and behind our own writes.
/// </summary>
internal interface IStore<T>
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    /// <summary>True once the first full list has been stored and told to every handler.</summary>
    bool HasSynced { get; }

    T? Get(NamespacedName key);

    IReadOnlyList<T> List();

    /// <summary>The objects for which the index of that name gave <paramref name="key"/>.</summary>
    /// <exception cref="ArgumentException">There is no such index: see <c>OperatorBuilder.AddIndex</c>.</exception>
    IReadOnlyList<T> ByIndex(string index, string key);
}

/// <summary>A named index of a store. An object stands under every key that <paramref name="Keys"/> gives for it.</summary>
internal sealed record StoreIndex<T>(string Name, Func<T, IEnumerable<string>> Keys);
