using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Slipway.Kube;
using Slipway.Kube.Client;

namespace Slipway.Tests.Unit.Kube.Chaos;

internal enum ChaosStep
{
    Write,
    Delete,
    /// <summary>Something else wants a pass of the key.</summary>
    Wake,
    /// <summary>The watch fails.</summary>
    Break,
    /// <summary>The server ends the watch.</summary>
    Close,
    /// <summary>Older versions are forgotten.</summary>
    Expire,
    FailList,
    ExpireContinue,
    /// <summary>The next status write is refused.</summary>
    FailWrite,
    /// <summary>The next status write succeeds, and nobody learns of it.</summary>
    LoseAnswer,
    /// <summary>Events are late from now on.</summary>
    Delay,
    Release,
    /// <summary>Everything that can happen does, before the next step.</summary>
    Rest,
    Settle,
}

/// <summary>Just enough of an API server: objects, a log of changes, pages, and ways to fail.</summary>
internal sealed class ChaosCluster : IKubeClient
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Widget> _objects = [];
    private readonly List<(int Version, WatchEventKind Kind, Widget Widget)> _log = [];
    private readonly Dictionary<string, (Widget[] Items, int Version)> _snapshots = [];
    private readonly Dictionary<ChaosStep, int> _pending = [];
    private TaskCompletionSource _changed = NewSignal();
    private int _version = 100;
    private int _oldestKept;
    private int? _lastDelivered;
    // What the watcher waits for, having seen everything before it.
    private Task? _awaited;
    private int _generation;
    private Exception? _fault;

    /// <summary>Ends with the next change of whatever kind.</summary>
    public Task Changed
    {
        get
        {
            lock (_lock)
            {
                return _changed.Task;
            }
        }
    }

    /// <summary>The watcher has dealt with every event that is not held back.</summary>
    public bool IsQuiet
    {
        get
        {
            lock (_lock)
            {
                return _awaited == _changed.Task;
            }
        }
    }

    public void Signal()
    {
        lock (_lock)
        {
            _changed.TrySetResult();
            _changed = NewSignal();
        }
    }

    public void Play(ChaosStep step, string name)
    {
        lock (_lock)
        {
            switch (step)
            {
                case ChaosStep.Write:
                    WriteLocked(name);
                    break;
                case ChaosStep.Delete when _objects.Remove(name, out var gone):
                    _log.Add((++_version, WatchEventKind.Deleted, At(gone, _version)));
                    break;
                case ChaosStep.Break:
                    (_fault, _generation) = (new IOException("broken"), _generation + 1);
                    break;
                case ChaosStep.Close:
                    (_fault, _generation) = (null, _generation + 1);
                    break;
                case ChaosStep.Expire:
                    (_fault, _generation) = (Expired(), _generation + 1);
                    _log.Clear();
                    _oldestKept = _version;
                    break;
                case ChaosStep.FailList or ChaosStep.ExpireContinue or ChaosStep.FailWrite or ChaosStep.LoseAnswer:
                    _pending[step] = _pending.GetValueOrDefault(step) + 1;
                    break;
                case ChaosStep.Delay:
                    _lastDelivered ??= _version;
                    break;
                case ChaosStep.Release:
                    _lastDelivered = null;
                    break;
            }

            Signal();
        }
    }

    /// <summary>Events are no longer late.</summary>
    public void Release() => Play(ChaosStep.Release, "");

    public IReadOnlyDictionary<NamespacedName, Widget> Objects()
    {
        lock (_lock)
        {
            return _objects.Values.ToDictionary(widget => NamespacedName.Of(widget));
        }
    }

    public Task<ListPage<T>> ListPageAsync<T>(ListQuery query, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        lock (_lock)
        {
            if (query.Continue is null && IsDueLocked(ChaosStep.FailList)) throw new HttpRequestException("refused");
            if (query.Continue is not null && IsDueLocked(ChaosStep.ExpireContinue)) throw Expired();
            var parts = (query.Continue ?? $"{_snapshots.Count}/0").Split('/');
            var skip = int.Parse(parts[1], CultureInfo.InvariantCulture);
            if (query.Continue is null) _snapshots[parts[0]] = ([.. _objects.Values.OrderBy(widget => widget.Metadata.Name)], _version);
            var (all, version) = _snapshots[parts[0]];
            var page = all.Skip(skip).Take(query.Limit).Select(KubeJson.Clone).Cast<T>().ToList();
            var next = skip + query.Limit < all.Length ? $"{parts[0]}/{skip + query.Limit}" : null;
            return Task.FromResult(new ListPage<T>(page, $"{version}", next, []));
        }
    }

    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(WatchQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var from = int.Parse(query.ResourceVersion, CultureInfo.InvariantCulture);
        int generation;
        lock (_lock)
        {
            generation = _generation;
        }

        while (true)
        {
            (int Version, WatchEventKind Kind, Widget Widget)? next;
            Task changed;
            lock (_lock)
            {
                if (from < _oldestKept) throw Expired();
                if (generation != _generation && _fault is { } fault) throw fault;
                if (generation != _generation) yield break;
                next = _log.Where(entry => entry.Version > from && entry.Version <= (_lastDelivered ?? entry.Version))
                    .Select(entry => ((int, WatchEventKind, Widget)?)entry).FirstOrDefault();
                // The watcher asks for more only after it has dealt with the last one: whoever waits may look now.
                if (next is null) Signal();
                changed = _changed.Task;
                if (next is null) _awaited = changed;
            }

            if (next is { } entry)
            {
                from = entry.Version;
                yield return new WatchEvent<T>(entry.Kind, $"{from}", (T)(object)KubeJson.Clone(entry.Widget));
            }
            else
            {
                await changed.WaitAsync(cancellationToken);
            }
        }
    }

    public Task<T> PatchStatusAsync<T>(NamespacedName key, string? uid, string? resourceVersion, JsonNode status, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        lock (_lock)
        {
            if (IsDueLocked(ChaosStep.FailWrite)) throw new KubeApiException(HttpStatusCode.ServiceUnavailable, "", "not now");
            if (!_objects.TryGetValue(key.Name, out var widget)) throw new KubeApiException(HttpStatusCode.NotFound, "NotFound", "gone");
            if (uid != widget.Metadata.Uid || resourceVersion != widget.Metadata.ResourceVersion) throw new KubeApiException(HttpStatusCode.Conflict, "Conflict", "changed");
            var written = At(widget, ++_version) with { Status = new WidgetStatus { Phase = (string?)status["phase"] } };
            _objects[key.Name] = written;
            _log.Add((_version, WatchEventKind.Modified, written));
            Signal();
            if (IsDueLocked(ChaosStep.LoseAnswer)) throw new IOException("lost");
            return Task.FromResult((T)(object)KubeJson.Clone(written));
        }
    }

    public Task<T> GetAsync<T>(NamespacedName key, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotSupportedException();

    public Task<T?> GetOrDefaultAsync<T>(NamespacedName key, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotSupportedException();

    public Task<T> CreateAsync<T>(T entity, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotSupportedException();

    public Task<T> ApplyAsync<T>(T desired, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotSupportedException();

    public Task<T> PatchAsync<T>(NamespacedName key, JsonObject mergePatch, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotSupportedException();

    public Task<bool> DeleteAsync<T>(NamespacedName key, string? uid, PropagationPolicy propagation, CancellationToken cancellationToken)
        where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotSupportedException();

    private void WriteLocked(string name)
    {
        var known = _objects.TryGetValue(name, out var old);
        var version = ++_version;
        var written = known ? At(old!, version) : Widget.Named(name, version, $"{name}-{version}");
        written.Metadata.Generation = (old?.Metadata.Generation ?? 0) + 1;
        _objects[name] = written with { Spec = new WidgetSpec { Size = version } };
        _log.Add((version, known ? WatchEventKind.Modified : WatchEventKind.Added, _objects[name]));
    }

    private bool IsDueLocked(ChaosStep step)
    {
        if (_pending.GetValueOrDefault(step) == 0) return false;
        _pending[step]--;
        return true;
    }

    private static Widget At(Widget widget, int version)
    {
        var clone = KubeJson.Clone(widget);
        clone.Metadata.ResourceVersion = $"{version}";
        return clone;
    }

    private static KubeApiException Expired() => new(HttpStatusCode.Gone, "Expired", "too old");

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
