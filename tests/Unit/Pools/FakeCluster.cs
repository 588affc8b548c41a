using System.Net;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Informers;

namespace Slipway.Tests.Unit.Pools;

/// <summary>An API server in memory, as far as pools use one. It keeps a list of the calls, such as "APPLY StatefulSet builders/farm".</summary>
internal sealed class FakeCluster : IKubeClient
{
    private readonly Dictionary<(Type, NamespacedName), IKubernetesObject<V1ObjectMeta>> _objects = [];
    private int _version = 100;

    public List<string> Calls { get; } = [];

    /// <summary>Called with every call before it is carried out.</summary>
    public Action<string>? OnCall { get; set; }

    public void Put<T>(T entity) where T : class, IKubernetesObject<V1ObjectMeta> => Save(entity);

    public void Remove<T>(NamespacedName key) where T : class, IKubernetesObject<V1ObjectMeta> => _objects.Remove((typeof(T), key));

    public IReadOnlyList<T> All<T>() where T : class, IKubernetesObject<V1ObjectMeta> => [.. _objects.Values.OfType<T>()];

    public T? Find<T>(NamespacedName key) where T : class, IKubernetesObject<V1ObjectMeta> =>
        _objects.TryGetValue((typeof(T), key), out var found) ? KubeJson.Clone((T)found) : null;

    public Task<T> GetAsync<T>(NamespacedName key, CancellationToken cancellationToken) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        Call<T>("GET", key);
        return Task.FromResult(Find<T>(key) ?? throw new KubeApiException(HttpStatusCode.NotFound, "NotFound", "not found"));
    }

    public Task<T?> GetOrDefaultAsync<T>(NamespacedName key, CancellationToken cancellationToken) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        Call<T>("GET", key);
        return Task.FromResult(Find<T>(key));
    }

    public Task<ListPage<T>> ListPageAsync<T>(ListQuery query, CancellationToken cancellationToken) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        Call<T>("LIST", new NamespacedName(query.Namespace!, query.LabelSelector!));
        var wanted = query.LabelSelector!.Split(',').Select(pair => pair.Split('='));
        var items = All<T>().Where(item => item.Metadata.NamespaceProperty == query.Namespace
            && wanted.All(pair => item.Metadata.Labels is { } labels && labels.TryGetValue(pair[0], out var value) && value == pair[1]));
        return Task.FromResult(new ListPage<T>([.. items], "1", null, []));
    }

    public IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(WatchQuery query, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotSupportedException();

    public Task<T> CreateAsync<T>(T entity, CancellationToken cancellationToken) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var key = NamespacedName.Of(entity);
        Call<T>("CREATE", key);
        if (Find<T>(key) is not null) throw new KubeApiException(HttpStatusCode.Conflict, "AlreadyExists", "already exists");
        return Task.FromResult(Save(entity));
    }

    public Task<T> ApplyAsync<T>(T desired, CancellationToken cancellationToken) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        Call<T>("APPLY", NamespacedName.Of(desired));
        return Task.FromResult(Save(desired));
    }

    public Task<T> PatchAsync<T>(NamespacedName key, JsonObject mergePatch, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        Call<T>("PATCH", key);
        if (Find<T>(key) is not { } found) throw new KubeApiException(HttpStatusCode.NotFound, "NotFound", "not found");
        var merged = (JsonObject)KubeJson.ToNode(found);
        Merge(merged, mergePatch);
        return Task.FromResult(Save(KubernetesJson.Deserialize<T>(merged.ToJsonString())));
    }

    private static void Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is null) target.Remove(name);
            else if (value is JsonObject inner && target[name] is JsonObject old) Merge(old, inner);
            else target[name] = value.DeepClone();
        }
    }

    public Task<T> PatchStatusAsync<T>(NamespacedName key, string? uid, string? resourceVersion, JsonNode status, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        Call<T>("STATUS", key);
        var merged = KubeJson.ToNode(Find<T>(key)!);
        var target = merged["status"] as JsonObject ?? [];
        foreach (var (name, value) in (JsonObject)status) target[name] = value?.DeepClone();
        merged["status"] = target.DeepClone();
        var written = KubernetesJson.Deserialize<T>(merged.ToJsonString());
        StatusContract.Problem(Find<T>(key), written).ShouldBeNull();
        return Task.FromResult(Save(written));
    }

    public Task<bool> DeleteAsync<T>(NamespacedName key, string? uid, PropagationPolicy propagation, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        Call<T>("DELETE", key);
        if (Find<T>(key) is not { } found) return Task.FromResult(false);
        if (uid is not null && uid != found.Metadata.Uid) throw new KubeApiException(HttpStatusCode.Conflict, "Conflict", "another uid");
        return Task.FromResult(_objects.Remove((typeof(T), key)));
    }

    private T Save<T>(T entity) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var key = NamespacedName.Of(entity);
        var kept = KubeJson.Clone(entity);
        kept.Metadata.Uid ??= Find<T>(key)?.Metadata.Uid ?? $"uid-{++_version}";
        kept.Metadata.ResourceVersion = $"{++_version}";
        _objects[(typeof(T), key)] = kept;
        return KubeJson.Clone(kept);
    }

    private void Call<T>(string verb, NamespacedName key) where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var call = $"{verb} {EntityKind.Of<T>().Kind} {key}";
        OnCall?.Invoke(call);
        Calls.Add(call);
    }
}

/// <summary>A store of the objects with the labels that its informer asks for; it shows them at once.</summary>
internal sealed class FakeStore<T>(FakeCluster cluster, Func<T, bool>? selector = null, Func<T, IEnumerable<string>>? keys = null) : IStore<T>
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    public bool HasSynced { get; set; } = true;

    /// <summary>False for what the informer has not been told of yet.</summary>
    public Func<T, bool> Shows { get; set; } = _ => true;

    public T? Get(NamespacedName key) => cluster.Find<T>(key) is { } found && IsSeen(found) ? found : null;

    public IReadOnlyList<T> List() => [.. cluster.All<T>().Where(IsSeen)];

    public IReadOnlyList<T> ByIndex(string index, string key) => [.. List().Where(item => keys!(item).Contains(key))];

    private bool IsSeen(T item) => (selector?.Invoke(item) ?? true) && Shows(item);
}
