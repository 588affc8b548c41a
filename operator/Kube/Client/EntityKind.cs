using System.Reflection;
using k8s;
using k8s.Models;

namespace Slipway.Kube.Client;

/// <summary>What the API server calls a kind, read from its <see cref="KubernetesEntityAttribute"/>.</summary>
internal sealed record EntityKind(string Group, string Version, string Kind, string Plural)
{
    /// <summary>"v1" for the core group, otherwise "group/version".</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <exception cref="InvalidOperationException">The type carries no <see cref="KubernetesEntityAttribute"/>.</exception>
    public static EntityKind Of<T>() where T : IKubernetesObject<V1ObjectMeta> =>
        Cache<T>.Kind ?? throw new InvalidOperationException($"{typeof(T)} has no [KubernetesEntity].");

    /// <summary>The path below the server's address; no <paramref name="name"/> means the collection.</summary>
    public string Path(string? @namespace, string? name = null, string? subresource = null)
    {
        var path = Group.Length == 0 ? $"api/{Version}" : $"apis/{Group}/{Version}";
        path += string.IsNullOrEmpty(@namespace) ? $"/{Plural}" : $"/namespaces/{Uri.EscapeDataString(@namespace)}/{Plural}";
        path += name is null ? "" : $"/{Uri.EscapeDataString(name)}";
        return subresource is null ? path : $"{path}/{subresource}";
    }

    /// <summary>Whether an owner reference means this kind. Versions are not compared: the same object is served under several.</summary>
    public bool IsKindOf(V1OwnerReference reference)
    {
        var slash = reference.ApiVersion.IndexOf('/', StringComparison.Ordinal);
        var group = slash < 0 ? "" : reference.ApiVersion[..slash];
        return reference.Kind == Kind && group == Group;
    }

    private static class Cache<T>
    {
        public static readonly EntityKind? Kind = typeof(T).GetCustomAttribute<KubernetesEntityAttribute>() is { } named
            ? new EntityKind(named.Group ?? "", named.ApiVersion, named.Kind, named.PluralName)
            : null;
    }
}
