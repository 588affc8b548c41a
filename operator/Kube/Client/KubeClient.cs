using System.Net;
using System.Net.Http.Headers;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Slipway.Kube.Telemetry;

namespace Slipway.Kube.Client;

/// <summary>
/// Talks to the API server over the HTTP client, the credentials and the certificates that KubernetesClient sets up, and does the rest
/// itself: its generic calls know no resourceVersion or bookmarks on a watch, no apply, and put whole response bodies into exceptions.
/// </summary>
internal sealed class KubeClient : IKubeClient, IDisposable
{
    private static readonly MediaTypeHeaderValue Json = new("application/json");
    private static readonly MediaTypeHeaderValue Merge = new("application/merge-patch+json");
    // JSON is YAML, and there is no other name for an apply.
    private static readonly MediaTypeHeaderValue Apply = new("application/apply-patch+yaml");

    private static readonly string UserAgent =
        $"slipway/{typeof(KubeClient).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]}";

    private readonly Kubernetes _kubernetes;
    private readonly Version _httpVersion;
    private readonly OperatorOptions _options;
    private readonly TimeProvider _time;

    public KubeClient(OperatorOptions options, TimeProvider time, OperatorMetrics? metrics = null)
    {
        var cluster = options.Cluster ?? throw new ArgumentException($"{nameof(options.Cluster)} is not set.", nameof(options));
        var setup = cluster.FirstMessageHandlerSetup;
        cluster.FirstMessageHandlerSetup = handler =>
        {
            // A connection that lives for ever never notices that the server's name means other addresses by now.
            handler.PooledConnectionLifetime = TimeSpan.FromMinutes(10);
            setup?.Invoke(handler);
        };
        _httpVersion = cluster.DisableHttp2 ? HttpVersion.Version11 : HttpVersion.Version20;
        _options = options;
        _time = time;
#pragma warning disable CA2000 // The handler lives as long as the client, which disposes it.
        _kubernetes = new Kubernetes(cluster, Handlers(options, time, metrics));
#pragma warning restore CA2000
    }

    public void Dispose() => _kubernetes.Dispose();

    /// <summary>The first is the outermost: each attempt of a request that was put off counts.</summary>
    private static DelegatingHandler[] Handlers(OperatorOptions options, TimeProvider time, OperatorMetrics? metrics)
    {
        var handlers = new List<DelegatingHandler> { new RetryAfterHandler(time, options.Jitter) };
        if (metrics is not null) handlers.Add(new RequestMetricsHandler(metrics));
        if (options.Wire is { } wire) handlers.Add(wire());
        return [.. handlers];
    }

    public Task<T> GetAsync<T>(NamespacedName key, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        CallAsync<T>(HttpMethod.Get, PathOf<T>(key), null, cancellationToken);

    public async Task<T?> GetOrDefaultAsync<T>(NamespacedName key, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        try
        {
            return await GetAsync<T>(key, cancellationToken);
        }
        catch (KubeApiException exception) when (exception.IsNotFound)
        {
            return null;
        }
    }

    public Task<ListPage<T>> ListPageAsync<T>(ListQuery query, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        // Without a resourceVersion the list is consistent: it holds everything that was written before the request.
        var path = EntityKind.Of<T>().Path(query.Namespace) + QueryOf(
            ("labelSelector", query.LabelSelector), ("limit", $"{query.Limit}"), ("continue", query.Continue));
        return CallAsync(HttpMethod.Get, path, null, ObjectReader.ReadListAsync<T>, cancellationToken);
    }

    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        WatchQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var path = EntityKind.Of<T>().Path(query.Namespace) + QueryOf(
            ("watch", "true"), ("allowWatchBookmarks", "true"), ("resourceVersion", query.ResourceVersion),
            ("timeoutSeconds", $"{(int)query.Timeout.TotalSeconds}"), ("labelSelector", query.LabelSelector), ("fieldSelector", query.FieldSelector));
        using var silence = new Limit(query.Silence, _time, cancellationToken);
        using var response = await silence.GuardAsync(token => SendAsync(HttpMethod.Get, path, null, token));
        using var reader = new StreamReader(await silence.GuardAsync(response.Content.ReadAsStreamAsync), Encoding.UTF8);
        while (await silence.GuardAsync(token => reader.ReadLineAsync(token).AsTask()) is { } line)
        {
            silence.Restart();
            if (ObjectReader.ReadWatchLine<T>(line) is { } change)
            {
                yield return change;
            }
        }
    }

    public Task<T> CreateAsync<T>(T entity, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var path = EntityKind.Of<T>().Path(entity.Metadata.NamespaceProperty) + QueryOf(("fieldManager", _options.FieldManager));
        return CallAsync<T>(HttpMethod.Post, path, Body(KubeJson.ToNode(KubeJson.Named(entity)), Json), cancellationToken);
    }

    public Task<T> ApplyAsync<T>(T desired, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var path = PathOf<T>(NamespacedName.Of(desired)) + QueryOf(("fieldManager", _options.FieldManager), ("force", "true"));
        return CallAsync<T>(HttpMethod.Patch, path, Body(ApplyBody.Of(desired), Apply), cancellationToken);
    }

    public Task<T> PatchAsync<T>(NamespacedName key, JsonObject mergePatch, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        // No force here: the server refuses it on anything but an apply.
        var path = PathOf<T>(key) + QueryOf(("fieldManager", _options.FieldManager));
        return CallAsync<T>(HttpMethod.Patch, path, Body(mergePatch, Merge), cancellationToken);
    }

    public Task<T> PatchStatusAsync<T>(
        NamespacedName key, string? uid, string? resourceVersion, JsonNode status, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var metadata = new JsonObject();
        AddIfGiven(metadata, "uid", uid);
        AddIfGiven(metadata, "resourceVersion", resourceVersion);
        var patch = new JsonObject { ["metadata"] = metadata, ["status"] = status.DeepClone() };
        var path = PathOf<T>(key, "status") + QueryOf(("fieldManager", _options.FieldManager));
        return CallAsync<T>(HttpMethod.Patch, path, Body(patch, Merge), cancellationToken);
    }

    public async Task<bool> DeleteAsync<T>(
        NamespacedName key, string? uid, PropagationPolicy propagation, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var options = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "DeleteOptions", ["propagationPolicy"] = $"{propagation}" };
        if (uid is not null)
        {
            options["preconditions"] = new JsonObject { ["uid"] = uid };
        }

        try
        {
            // The answer is the object or a Status, whichever the kind likes; nobody needs it.
            return await CallAsync(
                HttpMethod.Delete, PathOf<T>(key), Body(options, Json), (_, _) => Task.FromResult(true), cancellationToken);
        }
        catch (KubeApiException exception) when (exception.IsNotFound)
        {
            return false;
        }
    }

    private Task<T> CallAsync<T>(HttpMethod method, string path, HttpContent? body, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        CallAsync(method, path, body, ObjectReader.ReadAsync<T>, cancellationToken);

    private async Task<TResult> CallAsync<TResult>(
        HttpMethod method, string path, HttpContent? body, Func<Stream, CancellationToken, Task<TResult>> read,
        CancellationToken cancellationToken)
    {
        using var limit = new Limit(_options.RequestTimeout, _time, cancellationToken);
        return await limit.GuardAsync(async token =>
        {
            using var response = await SendAsync(method, path, body, token);
            await using var stream = await response.Content.ReadAsStreamAsync(token);
            return await read(stream, token);
        });
    }

    /// <summary>Returns as soon as the headers are there. The one place that every request passes.</summary>
    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, HttpContent? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, new Uri(_kubernetes.BaseUri, path)) { Content = body, Version = _httpVersion };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.TryAddWithoutValidation("User-Agent", UserAgent);
        if (_kubernetes.Credentials is { } credentials)
        {
            await credentials.ProcessHttpRequestAsync(request, cancellationToken);
        }

        var response = await _kubernetes.HttpClient.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw KubeApiException.From(response.StatusCode, await response.Content.ReadAsStringAsync(cancellationToken));
        }
    }

    private static string PathOf<T>(NamespacedName key, string? subresource = null)
        where T : class, IKubernetesObject<V1ObjectMeta> =>
        EntityKind.Of<T>().Path(key.Namespace, key.Name, subresource);

    private static string QueryOf(params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var query = new StringBuilder();
        foreach (var (name, value) in parameters)
        {
            if (!string.IsNullOrEmpty(value))
            {
                query.Append(query.Length == 0 ? '?' : '&').Append(name).Append('=').Append(Uri.EscapeDataString(value));
            }
        }

        return query.ToString();
    }

    private static ByteArrayContent Body(JsonNode node, MediaTypeHeaderValue type) =>
        new(Encoding.UTF8.GetBytes(node.ToJsonString())) { Headers = { ContentType = type } };

    private static void AddIfGiven(JsonObject target, string name, string? value)
    {
        if (value is not null)
        {
            target[name] = value;
        }
    }
}
