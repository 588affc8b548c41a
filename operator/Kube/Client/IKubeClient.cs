using System.Text.Json.Nodes;
using k8s;
using k8s.Models;

namespace Slipway.Kube.Client;

/// <summary>
/// The calls that Slipway makes to the API server, for any kind that carries a [KubernetesEntity].
/// Every method throws <see cref="KubeApiException"/> when the server refuses, <see cref="HttpRequestException"/> or
/// <see cref="IOException"/> when it cannot be reached, and <see cref="TimeoutException"/> when it does not answer in time.
/// </summary>
internal interface IKubeClient
{
    /// <exception cref="KubeApiException">NotFound where there is no such object.</exception>
    Task<T> GetAsync<T>(NamespacedName key, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>The object, or null where there is none.</summary>
    Task<T?> GetOrDefaultAsync<T>(NamespacedName key, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>One page of a consistent list. An expired <see cref="ListQuery.Continue"/> throws with <see cref="KubeApiException.IsExpired"/>.</summary>
    Task<ListPage<T>> ListPageAsync<T>(ListQuery query, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>
    /// The changes since <see cref="WatchQuery.ResourceVersion"/>, until the server ends the watch (the sequence ends) or fails it
    /// (an exception; <see cref="KubeApiException.IsExpired"/> asks for a new list).
    /// </summary>
    IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(WatchQuery query, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>;

    Task<T> CreateAsync<T>(T entity, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>
    /// Server-side apply as the one field manager, with force: creates the object or takes the given fields over.
    /// Prefer <see cref="Writing.Applier"/>, which leaves out applies that would change nothing.
    /// </summary>
    Task<T> ApplyAsync<T>(T desired, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>A JSON merge patch (RFC 7386). Build it as JsonObject: the models leave nulls out, and so cannot clear a field.</summary>
    Task<T> PatchAsync<T>(NamespacedName key, JsonObject mergePatch, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>
    /// A JSON merge patch of the status subresource. Prefer <see cref="Writing.StatusWriter"/>, which computes the patch.
    /// </summary>
    /// <param name="key">The object.</param>
    /// <param name="uid">Conflict where the object was replaced by another of the same name.</param>
    /// <param name="resourceVersion">Conflict where the object has changed since; null patches whatever is there.</param>
    /// <param name="status">The fields to change; an explicit null clears one.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    Task<T> PatchStatusAsync<T>(NamespacedName key, string? uid, string? resourceVersion, JsonNode status, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>;

    /// <summary>Deletes the object. False where it was gone already; Conflict where <paramref name="uid"/> is not the object's.</summary>
    Task<bool> DeleteAsync<T>(NamespacedName key, string? uid, PropagationPolicy propagation, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>;
}

/// <summary>What becomes of the objects that a deleted object owns.</summary>
internal enum PropagationPolicy
{
    Background,
    Foreground,
    Orphan,
}

/// <summary>One page to list. A null <see cref="Namespace"/> means all of them.</summary>
internal sealed record ListQuery
{
    public string? Namespace { get; init; }

    public string? LabelSelector { get; init; }

    public int Limit { get; init; } = 500;

    public string? Continue { get; init; }
}

/// <summary>A page; <see cref="Continue"/> is null on the last one. <see cref="Poison"/> names the objects that could not be read.</summary>
internal sealed record ListPage<T>(IReadOnlyList<T> Items, string ResourceVersion, string? Continue, IReadOnlyList<PoisonObject> Poison);

/// <summary>An object that exists but that our model cannot read.</summary>
internal sealed record PoisonObject(NamespacedName Key, string? ResourceVersion, string Error);

/// <summary>A watch to open.</summary>
internal sealed record WatchQuery
{
    public string? Namespace { get; init; }

    public string? LabelSelector { get; init; }

    public string? FieldSelector { get; init; }

    public required string ResourceVersion { get; init; }

    /// <summary>When the server shall end the watch.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the connection may stay silent until it counts as dead (<see cref="TimeoutException"/>).</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromMinutes(5.5);
}

internal enum WatchEventKind
{
    Added,
    Modified,
    Deleted,
    Bookmark,
}

/// <summary>
/// One change. A bookmark carries nothing but <see cref="ResourceVersion"/>; an object that could not be read leaves
/// <see cref="Object"/> null and says why in <see cref="Poison"/>.
/// </summary>
internal sealed record WatchEvent<T>(WatchEventKind Kind, string? ResourceVersion, T? Object = null, PoisonObject? Poison = null)
    where T : class;
