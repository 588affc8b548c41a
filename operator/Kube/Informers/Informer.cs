using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Slipway.Kube.Client;
using Slipway.Kube.Telemetry;

namespace Slipway.Kube.Informers;

/// <summary>What the operator needs of an informer, whatever its kind.</summary>
internal interface IInformer
{
    string Name { get; }

    /// <summary>Completes once the first list is in the store and has been told to every handler.</summary>
    Task Synced { get; }

    /// <summary>How long ago the last list, event or bookmark came in.</summary>
    TimeSpan Silence { get; }

    /// <summary>Lists and watches until cancelled. Returns then; it never throws for what the server or the network do.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}

/// <summary>Which objects of a kind are kept, and what is dropped from each.</summary>
internal sealed record InformerScope<T>
{
    public string? LabelSelector { get; init; }

    public string? Namespace { get; init; }

    public Action<T>? Transform { get; init; }
}

/// <summary>
/// Keeps a store equal to the cluster: a full list, then a watch that goes on from the last version seen, and a new list, applied by
/// difference, whenever the server has forgotten that version. The numbers follow client-go's reflector.
/// </summary>
internal sealed partial class Informer<T>(
    IKubeClient client, InformerScope<T> scope, Store<T> store, OperatorOptions options, TimeProvider time, OperatorMetrics metrics,
    ILogger<Informer<T>> logger) : IInformer
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    private readonly InformerOptions _options = options.Informers;
    private readonly InformerMetrics _metrics = new(metrics, EntityKind.Of<T>().Plural);
    private readonly List<Action<T?, T?>> _handlers = [];
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    // Objects that could not be read, by the version last complained about.
    private readonly Dictionary<NamespacedName, string?> _poison = [];
    private string? _resourceVersion;
    private int _failures;
    private long _lastFailure;
    private long _lastHeard = time.GetTimestamp();
    private bool _started;

    public string Name { get; } = EntityKind.Of<T>().Plural;

    public Task Synced => _synced.Task;

    public TimeSpan Silence => time.GetElapsedTime(Interlocked.Read(ref _lastHeard));

    /// <summary>How many objects exist that cannot be read.</summary>
    public int PoisonCount => _poison.Count;

    /// <summary>
    /// Calls <paramref name="handler"/> with (old, new) of every change, after the store shows it. It runs on the informer's own
    /// loop: it should do no more than put a key into a queue.
    /// </summary>
    public void AddHandler(Action<T?, T?> handler)
    {
        if (_started)
        {
            throw new InvalidOperationException("A handler that comes after the start has missed objects.");
        }

        _handlers.Add(handler);
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        _started = true;
        Heard();
        _metrics.ReportSize(() => store.Count, () => PoisonCount);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                _resourceVersion ??= await ListAsync(cancellationToken);
                await WatchAsync(_resourceVersion, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                var wait = Failed(exception);
                await Task.Delay(wait, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<string> ListAsync(CancellationToken cancellationToken)
    {
        var all = new Dictionary<NamespacedName, Store<T>.Entry>();
        var unreadable = new HashSet<NamespacedName>();
        var query = new ListQuery { Namespace = scope.Namespace, LabelSelector = scope.LabelSelector, Limit = _options.PageSize };
        ListPage<T> page;
        do
        {
            page = await client.ListPageAsync<T>(query, cancellationToken);
            Heard();
            foreach (var item in page.Items)
            {
                if (Prepare(item) is { } entry)
                {
                    all[entry.Key] = entry;
                }
                else
                {
                    unreadable.Add(NamespacedName.Of(item));
                }
            }

            foreach (var poison in page.Poison)
            {
                Complain(poison);
                unreadable.Add(poison.Key);
            }

            query = query with { Continue = page.Continue };
        }
        while (query.Continue is not null);

        // Only now is it known what is missing: each page alone lacks what stands on the others.
        foreach (var gone in _poison.Keys.Except(unreadable).ToList())
        {
            _poison.Remove(gone);
        }

        Tell(store.Replace(all, unreadable));
        if (!store.HasSynced)
        {
            store.MarkSynced();
            _synced.TrySetResult();
        }

        _metrics.Lists.Inc();
        LogListed(Name, all.Count, page.ResourceVersion);
        return page.ResourceVersion;
    }

    private async Task WatchAsync(string resourceVersion, CancellationToken cancellationToken)
    {
        var opened = time.GetTimestamp();
        var timeout = _options.WatchTimeout * (1 + options.Jitter());
        var query = new WatchQuery
        {
            Namespace = scope.Namespace,
            LabelSelector = scope.LabelSelector,
            ResourceVersion = resourceVersion,
            Timeout = timeout,
            Silence = timeout + _options.WatchGrace,
        };
        await foreach (var change in client.WatchAsync<T>(query, cancellationToken))
        {
            Heard();
            Take(change);
            _resourceVersion = string.IsNullOrEmpty(change.ResourceVersion) ? _resourceVersion : change.ResourceVersion;
        }

        if (time.GetElapsedTime(opened) < _options.ShortestWatch)
        {
            throw new IOException("The server ended the watch at once.");
        }
    }

    private void Take(WatchEvent<T> change)
    {
        if (change is { Kind: WatchEventKind.Deleted, Poison: { } gone })
        {
            _poison.Remove(gone.Key);
            Tell(store.Remove(gone.Key, uid: null));
        }
        else if (change.Poison is { } poison)
        {
            Complain(poison);
        }
        else if (change is { Kind: WatchEventKind.Deleted, Object: { } deleted })
        {
            _poison.Remove(NamespacedName.Of(deleted));
            Tell(store.Remove(NamespacedName.Of(deleted), deleted.Metadata.Uid));
        }
        else if (change.Object is { } entity && Prepare(entity) is { } entry)
        {
            Tell(store.Put(entry));
        }
    }

    private Store<T>.Entry? Prepare(T entity)
    {
        try
        {
            entity.Metadata.ManagedFields = null;
            scope.Transform?.Invoke(entity);
            var entry = store.Prepare(entity);
            _poison.Remove(entry.Key);
            return entry;
        }
        catch (Exception exception)
        {
            Complain(new PoisonObject(NamespacedName.Of(entity), entity.Metadata.ResourceVersion, exception.Message));
            return null;
        }
    }

    private void Tell(IReadOnlyList<Change<T>> changes)
    {
        foreach (var (old, now) in changes)
        {
            foreach (var handler in _handlers)
            {
                try
                {
                    handler(old, now);
                }
                catch (Exception exception)
                {
                    LogHandlerFailed(exception, Name, NamespacedName.Of((now ?? old)!));
                }
            }
        }
    }

    private void Complain(PoisonObject poison)
    {
        if (!_poison.TryGetValue(poison.Key, out var version) || version != poison.ResourceVersion)
        {
            LogPoison(Name, poison.Key, poison.Error);
        }

        _poison[poison.Key] = poison.ResourceVersion;
    }

    private TimeSpan Failed(Exception exception)
    {
        _failures = time.GetElapsedTime(_lastFailure) > _options.BackoffReset ? 1 : _failures + 1;
        _lastFailure = time.GetTimestamp();
        // The network and an overloaded server have nothing against the version. All other refusals do, 410 above all; and a version
        // that fails again and again (a cluster restored from a backup has never heard of it) is not kept for ever.
        if (exception is KubeApiException { IsTransient: false } || _failures >= _options.FailuresBeforeRelist)
        {
            _resourceVersion = null;
        }

        _metrics.Failures.Inc();
        var wait = _options.Backoff.Delay(_failures, options.Jitter());
        LogFailed(Name, wait, exception.GetType().Name, exception.Message);
        return wait;
    }

    private void Heard() => Interlocked.Exchange(ref _lastHeard, time.GetTimestamp());

    [LoggerMessage(LogLevel.Debug, "Listed {Count} {Kind} at version {Version}")]
    private partial void LogListed(string kind, int count, string version);

    [LoggerMessage(LogLevel.Warning, "Lost touch with {Kind}, trying again in {Wait}: {Type}: {Message}")]
    private partial void LogFailed(string kind, TimeSpan wait, string type, string message);

    [LoggerMessage(LogLevel.Error, "One of the {Kind}, {Key}, cannot be read and is passed over: {Message}")]
    private partial void LogPoison(string kind, NamespacedName key, string message);

    [LoggerMessage(LogLevel.Error, "A handler of {Kind} failed on {Key}")]
    private partial void LogHandlerFailed(Exception exception, string kind, NamespacedName key);
}
