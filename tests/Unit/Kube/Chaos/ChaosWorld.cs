using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;
using Slipway.Kube.Telemetry;
using Slipway.Kube.Writing;

namespace Slipway.Tests.Unit.Kube.Chaos;

/// <summary>One informer and one controller on a <see cref="ChaosCluster"/>, and what they have come to know.</summary>
internal sealed class ChaosWorld : IAsyncDisposable
{
    private const int Names = 3;
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(100);
    // Trouble needs something to meet: changes, passes, and time for both.
    private static readonly ChaosStep[] AllSteps =
    [
        .. Enum.GetValues<ChaosStep>(), ChaosStep.Write, ChaosStep.Write, ChaosStep.Write, ChaosStep.Wake, ChaosStep.Wake, ChaosStep.Wake,
        ChaosStep.Rest, ChaosStep.Rest, ChaosStep.Rest, ChaosStep.Delay,
    ];

    private readonly ChaosCluster _cluster = new();
    private readonly TestClock _clock = new();
    private readonly Store<Widget> _store = new([]);
    private readonly ConcurrentDictionary<NamespacedName, string> _heard = [];
    private readonly Diary _diary = new();
    private readonly List<string> _story = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly ServiceProvider _services;
    private readonly ControllerWorker<Widget> _worker;
    private readonly Task _watching;
    private readonly Task _working;

    public ChaosWorld()
    {
        _services = Services().BuildServiceProvider();
        var informer = _services.GetRequiredService<Informer<Widget>>();
        informer.AddHandler((old, now) => Hear(old, now));
        _worker = _services.GetRequiredService<ControllerWorker<Widget>>();
        _worker.Observer = (_, _, _) => _cluster.Signal();
        _worker.Connect(_services);
        _watching = Task.Run(() => informer.RunAsync(_stop.Token), CancellationToken.None);
        _working = _worker.RunAsync(_stop.Token);
    }

    /// <summary>What was done, a step a line.</summary>
    public string Story => string.Join('\n', _story);

    public async Task PlayAsync(Random random)
    {
        var (step, name) = (AllSteps[random.Next(AllSteps.Length)], $"w{random.Next(Names)}");
        _story.Add($"{step} {name}");
        _cluster.Play(step, name);
        if (step == ChaosStep.Wake) Wake(new NamespacedName("ns", name));
        // Now and then things settle or rest in between; otherwise the next trouble meets the last one's.
        if (step == ChaosStep.Settle) await SettleAsync();
        if (step == ChaosStep.Rest) await RestAsync();
    }

    /// <summary>Until all is as it should be, whatever retries that takes.</summary>
    public async Task SettleAsync()
    {
        _cluster.Release();
        using var limit = new CancellationTokenSource(ScriptedApiServer.Patience);
        while (true)
        {
            var changed = _cluster.Changed;
            if (Trouble() is not { } trouble) return;
            _clock.Advance(Retry);
            await changed.WaitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (limit.IsCancellationRequested) throw new InvalidOperationException(trouble);
        }
    }

    /// <summary>Until nothing moves any more; it may wait for late events, or for the next try.</summary>
    private async Task RestAsync()
    {
        using var limit = new CancellationTokenSource(ScriptedApiServer.Patience);
        while (!(_cluster.IsQuiet && _worker.IsIdle))
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _worker.ShutDown();
        await _stop.CancelAsync();
        await Task.WhenAll(_watching, _working);
        await _services.DisposeAsync();
        _stop.Dispose();
    }

    private IServiceCollection Services()
    {
        var services = new ServiceCollection().AddLogging()
            .AddSingleton<TimeProvider>(_clock).AddSingleton<IKubeClient>(_cluster).AddSingleton(_diary)
            .AddSingleton(new OperatorOptions
            {
                Jitter = () => 0,
                RetryBackoff = new Backoff(Retry, Retry),
                Informers = new InformerOptions { PageSize = 2, Backoff = new Backoff(TimeSpan.Zero, TimeSpan.Zero), ShortestWatch = TimeSpan.Zero },
            })
            .AddSingleton<OperatorMetrics>().AddSingleton<StatusWriter>();
        new OperatorBuilder(services).AddInformer<Widget>().AddController<SizeController, Widget>();
        return services.AddSingleton(_store);
    }

    private void Wake(NamespacedName key)
    {
        _diary.Owed[key] = true;
        _worker.Enqueue(key);
    }

    private void Hear(Widget? old, Widget? now)
    {
        if (now is null) _heard.TryRemove(NamespacedName.Of(old!), out _);
        else _heard[NamespacedName.Of(now)] = now.Metadata.ResourceVersion;
    }

    /// <summary>What is not yet as it should be; null when everything is.</summary>
    private string? Trouble()
    {
        var fresh = _cluster.Objects();
        var versions = fresh.ToDictionary(pair => pair.Key, pair => pair.Value.Metadata.ResourceVersion);
        if (!Same(versions, _store.List().ToDictionary(widget => NamespacedName.Of(widget), widget => widget.Metadata.ResourceVersion))) return "the store differs from a fresh list";
        if (!Same(versions, _heard)) return "the handlers know other objects than a fresh list";
        foreach (var (key, widget) in fresh)
        {
            if (!_diary.Passes.TryGetValue(key, out var size) || size != widget.Spec.Size) return $"{key} was not reconciled after its last change";
            if (widget.Status?.Phase != SizeController.Phase(widget)) return $"the status of {key} is of an older spec";
        }

        if (_diary.Owed.Keys.FirstOrDefault() is { Name: not null } owed) return $"{owed} was woken and no pass came";
        return _diary.Passes.FirstOrDefault(pass => pass.Value is not null && !fresh.ContainsKey(pass.Key)) is { Key.Name: not null } ghost
            ? $"{ghost.Key} is gone and was not reconciled since" : null;
    }

    private static bool Same(IReadOnlyDictionary<NamespacedName, string> one, IReadOnlyDictionary<NamespacedName, string> other) =>
        one.Count == other.Count && one.All(pair => other.TryGetValue(pair.Key, out var version) && version == pair.Value);

    private sealed class Diary
    {
        /// <summary>The size that the last pass of a key has seen; null for one that found it gone.</summary>
        public ConcurrentDictionary<NamespacedName, int?> Passes { get; } = [];

        /// <summary>Keys that were woken and have had no pass since.</summary>
        public ConcurrentDictionary<NamespacedName, bool> Owed { get; } = [];

        public void Begin(NamespacedName key, int? size)
        {
            Owed.TryRemove(key, out _);
            Passes[key] = size;
        }
    }

    /// <summary>Says in the status what the spec says.</summary>
    private sealed class SizeController(Diary diary, StatusWriter statuses) : IEntityController<Widget>
    {
        public static string Phase(Widget widget) => $"sized {widget.Spec.Size}";

        public async Task<ReconciliationResult<Widget>> ReconcileAsync(Widget entity, CancellationToken cancellationToken)
        {
            diary.Begin(NamespacedName.Of(entity), entity.Spec.Size);
            var desired = entity with { Status = new WidgetStatus { Phase = Phase(entity) } };
            return ReconciliationResult<Widget>.Success(await statuses.WriteAsync(entity, desired, cancellationToken));
        }

        public Task DeletedAsync(NamespacedName key, CancellationToken cancellationToken)
        {
            diary.Begin(key, null);
            return Task.CompletedTask;
        }
    }
}
