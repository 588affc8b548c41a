using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using CsCheck;
using k8s;
using k8s.Models;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Informers;
using Slipway.Kube.Telemetry;

namespace Slipway.Tests.Unit.Kube.Informers;

/// <summary>
/// Objects come, change and go while connections break and versions expire, in any order. Whatever happened, in the end the store is
/// equal to a fresh list, and whoever only listened to the handlers knows the same.
/// </summary>
public sealed class ChaosTests
{
    private enum Step
    {
        Write,
        Delete,
        Break,
        Close,
        Expire,
        FailList,
        ExpireContinue,
        Wait,
    }

    [Fact]
    public void Run_WhenEverythingGoesWrong_EndsEqualToTheCluster() =>
        Gen.Select(Gen.Enum<Step>(), Gen.Int[0, 4]).Array[1, 40].Sample(
            steps => PlayAsync(steps).GetAwaiter().GetResult(), iter: 200, threads: 2);

    private static async Task<bool> PlayAsync((Step Step, int Name)[] steps)
    {
        var cluster = new Cluster();
        var clock = new TestClock();
        var options = new OperatorOptions
        {
            Jitter = () => 0,
            Informers = new InformerOptions { PageSize = 2, Backoff = new Backoff(TimeSpan.Zero, TimeSpan.Zero), ShortestWatch = TimeSpan.Zero },
        };
        var store = new Store<Widget>([]);
        var heard = new Dictionary<NamespacedName, string>();
        var informer = new Informer<Widget>(
            cluster, new InformerScope<Widget>(), store, options, clock, new OperatorMetrics(), new ListLogger<Informer<Widget>>());
        informer.AddHandler((old, now) =>
        {
            if (now is null)
            {
                heard.Remove(NamespacedName.Of(old!));
            }
            else
            {
                heard[NamespacedName.Of(now)] = now.Metadata.ResourceVersion;
            }
        });
        using var stop = new CancellationTokenSource();
        var run = Task.Run(() => informer.RunAsync(stop.Token), CancellationToken.None);
        foreach (var (step, name) in steps)
        {
            await cluster.PlayAsync(step, $"w{name}");
        }

        await cluster.SettledAsync();
        await stop.CancelAsync();
        await run;
        var fresh = cluster.Versions();
        return Same(fresh, heard)
            && Same(fresh, store.List().ToDictionary(widget => NamespacedName.Of(widget), widget => widget.Metadata.ResourceVersion));
    }

    private static bool Same(Dictionary<NamespacedName, string> one, Dictionary<NamespacedName, string> other) =>
        one.Count == other.Count && one.All(pair => other.TryGetValue(pair.Key, out var version) && version == pair.Value);

    /// <summary>Just enough of an API server: objects, a log of changes, pages, and ways to fail.</summary>
    private sealed class Cluster : IKubeClient
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<string, Widget> _objects = [];
        private readonly List<(int Version, WatchEventKind Kind, Widget Widget)> _log = [];
        private readonly Dictionary<string, (Widget[] Items, int Version)> _snapshots = [];
        private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _version = 100;
        private int _oldestKept;
        private int _failLists;
        private int _expireContinues;
        private int _generation;
        private Exception? _fault;
        private int _caughtUp;

        public async Task PlayAsync(Step step, string name)
        {
            lock (_lock)
            {
                switch (step)
                {
                    case Step.Write:
                        var kind = _objects.ContainsKey(name) ? WatchEventKind.Modified : WatchEventKind.Added;
                        var uid = _objects.TryGetValue(name, out var old) ? old.Metadata.Uid : $"{name}-{_version}";
                        _objects[name] = Widget.Named(name, ++_version, uid);
                        _log.Add((_version, kind, _objects[name]));
                        break;
                    case Step.Delete when _objects.Remove(name, out var gone):
                        _log.Add((++_version, WatchEventKind.Deleted, Widget.Named(name, _version, gone.Metadata.Uid)));
                        break;
                    case Step.Break:
                        (_fault, _generation) = (new IOException("broken"), _generation + 1);
                        break;
                    case Step.Close:
                        (_fault, _generation) = (null, _generation + 1);
                        break;
                    case Step.Expire:
                        (_fault, _generation) = (Expired(), _generation + 1);
                        _log.Clear();
                        _oldestKept = _version;
                        break;
                    case Step.FailList:
                        _failLists++;
                        break;
                    case Step.ExpireContinue:
                        _expireContinues++;
                        break;
                }

                Signal();
            }

            if (step == Step.Wait)
            {
                await SettledAsync();
            }
        }

        /// <summary>Waits until a watch has delivered everything there is.</summary>
        public async Task SettledAsync()
        {
            while (true)
            {
                Task changed;
                lock (_lock)
                {
                    if (_caughtUp == _version)
                    {
                        return;
                    }

                    changed = _changed.Task;
                }

                await changed.WaitAsync(ScriptedApiServer.Patience);
            }
        }

        public Dictionary<NamespacedName, string> Versions()
        {
            lock (_lock)
            {
                return _objects.Values.ToDictionary(widget => NamespacedName.Of(widget), widget => widget.Metadata.ResourceVersion);
            }
        }

        public Task<ListPage<T>> ListPageAsync<T>(ListQuery query, CancellationToken cancellationToken)
            where T : class, IKubernetesObject<V1ObjectMeta>
        {
            lock (_lock)
            {
                if (query.Continue is null && _failLists > 0)
                {
                    _failLists--;
                    throw new HttpRequestException("refused");
                }

                if (query.Continue is not null && _expireContinues > 0)
                {
                    _expireContinues--;
                    throw Expired();
                }

                var parts = (query.Continue ?? $"{_snapshots.Count}/0").Split('/');
                var skip = int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
                if (query.Continue is null)
                {
                    _snapshots[parts[0]] = ([.. _objects.Values.OrderBy(widget => widget.Metadata.Name)], _version);
                }

                var (all, version) = _snapshots[parts[0]];
                var page = all.Skip(skip).Take(query.Limit).Select(KubeJson.Clone).Cast<T>().ToList();
                var next = skip + query.Limit < all.Length ? $"{parts[0]}/{skip + query.Limit}" : null;
                return Task.FromResult(new ListPage<T>(page, $"{version}", next, []));
            }
        }

        public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
            WatchQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
            where T : class, IKubernetesObject<V1ObjectMeta>
        {
            var from = int.Parse(query.ResourceVersion, System.Globalization.CultureInfo.InvariantCulture);
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
                    if (from < _oldestKept)
                    {
                        throw Expired();
                    }

                    if (generation != _generation)
                    {
                        if (_fault is { } fault)
                        {
                            throw fault;
                        }

                        yield break;
                    }

                    next = _log.Where(entry => entry.Version > from).Select(entry => ((int, WatchEventKind, Widget)?)entry).FirstOrDefault();
                    if (next is null)
                    {
                        // The watcher asks for more only after it has dealt with the last one.
                        _caughtUp = from;
                        Signal();
                    }

                    changed = _changed.Task;
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

        public Task<T> PatchStatusAsync<T>(
            NamespacedName key, string? uid, string? resourceVersion, JsonNode status, CancellationToken cancellationToken)
            where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotSupportedException();

        public Task<bool> DeleteAsync<T>(NamespacedName key, string? uid, PropagationPolicy propagation, CancellationToken cancellationToken)
            where T : class, IKubernetesObject<V1ObjectMeta> => throw new NotSupportedException();

        private static KubeApiException Expired() => new(System.Net.HttpStatusCode.Gone, "Expired", "too old");

        private void Signal()
        {
            _changed.TrySetResult();
            _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
