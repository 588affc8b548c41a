using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Kube.Writing;

/// <summary>
/// Server-side apply that costs no request when it would change nothing: the same body was applied before, and the object still
/// has the resourceVersion of that time. Whoever changes the object gives it a new one, so drift is still corrected.
/// </summary>
internal sealed class Applier(IKubeClient client)
{
    // Far more children than one operator has. Past it the memory starts anew, at the price of one needless apply each.
    private const int Capacity = 20_000;

    private readonly ConcurrentDictionary<(Type, NamespacedName), Applied> _applied = new();

    /// <param name="desired">What the object shall have: only the fields that we want to own.</param>
    /// <param name="current">The object as a store knows it, or null where it knows none.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The object as the server has it, or <paramref name="current"/> where nothing was to do.</returns>
    public async Task<T> ApplyAsync<T>(T desired, T? current, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var key = (typeof(T), NamespacedName.Of(desired));
        var hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(ApplyBody.Of(desired).ToJsonString())));
        if (current is not null && _applied.TryGetValue(key, out var last) && last.Covers(hash, current.Metadata))
        {
            return current;
        }

        var result = await client.ApplyAsync(desired, cancellationToken);
        if (_applied.Count >= Capacity)
        {
            _applied.Clear();
        }

        _applied[key] = new Applied(hash, result.Metadata.Uid, current?.Metadata.ResourceVersion, result.Metadata.ResourceVersion);
        return result;
    }

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
