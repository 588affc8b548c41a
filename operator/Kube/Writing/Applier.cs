using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Kube.Writing;

/// <summary>
/// Server-side apply that costs no request when it would change nothing. What was applied is known by the hash of its body, in an
/// annotation of the object: a process that starts anew compares that and the fields themselves. From then on the resourceVersion
/// tells: whoever changes the object gives it a new one, so drift is corrected.
/// </summary>
internal sealed class Applier(IKubeClient client, OperatorOptions options)
{
    // Far more children than one operator has. Past it the memory starts anew, at the price of comparing each once more.
    private const int Capacity = 20_000;

    // It tells bodies of one object apart, and people read it.
    private const int HashLength = 16;

    private readonly ConcurrentDictionary<(Type, NamespacedName), Applied> _applied = new();

    /// <param name="desired">What the object shall have: only the fields that we want to own.</param>
    /// <param name="current">The object as a store knows it, or null where it knows none.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The object as the server has it, or <paramref name="current"/> where nothing was to do.</returns>
    public async Task<T> ApplyAsync<T>(T desired, T? current, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var key = (typeof(T), NamespacedName.Of(desired));
        var body = ApplyBody.Of(desired);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body.ToJsonString())))[..HashLength];
        if (current is not null && _applied.TryGetValue(key, out var last) && last.Covers(hash, current.Metadata))
        {
            return current;
        }

        var marked = Marked(desired, hash);
        if (current is not null && IsMarked(current, hash) && Subset.Of(ApplyBody.Of(marked), KubeJson.ToNode(current)))
        {
            Remember(key, new Applied(hash, current.Metadata.Uid, null, current.Metadata.ResourceVersion));
            return current;
        }

        var result = await client.ApplyAsync(marked, cancellationToken);
        Remember(key, new Applied(hash, result.Metadata.Uid, current?.Metadata.ResourceVersion, result.Metadata.ResourceVersion));
        return result;
    }

    private void Remember((Type, NamespacedName) key, Applied applied)
    {
        if (_applied.Count >= Capacity)
        {
            _applied.Clear();
        }

        _applied[key] = applied;
    }

    private T Marked<T>(T desired, string hash)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var marked = KubeJson.Clone(desired);
        marked.Metadata.Annotations ??= new Dictionary<string, string>();
        marked.Metadata.Annotations[options.AppliedAnnotation] = hash;
        return marked;
    }

    /// <summary>The last body was this one: a field that it no longer holds would not be missed by comparing those that it does.</summary>
    private bool IsMarked(IMetadata<V1ObjectMeta> current, string hash) =>
        current.Metadata.Annotations is { } annotations && annotations.TryGetValue(options.AppliedAnnotation, out var mark) && mark == hash;

    /// <summary>
    /// Both versions count, the one that the body was applied over too: until the informer shows our write, the store still has that one.
    /// </summary>
    private sealed record Applied(string BodyHash, string? Uid, string? VersionBefore, string? VersionAfter)
    {
        public bool Covers(string bodyHash, V1ObjectMeta current) =>
            bodyHash == BodyHash && current.Uid == Uid
            && current.ResourceVersion is { } version && (version == VersionAfter || version == VersionBefore);
    }
}
