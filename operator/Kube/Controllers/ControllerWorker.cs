using k8s;
using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Prometheus;
using Slipway.Kube.Client;
using Slipway.Kube.Informers;
using Slipway.Kube.Queue;
using Slipway.Kube.Telemetry;

namespace Slipway.Kube.Controllers;

/// <summary>What the operator needs of a controller, whatever its kind.</summary>
internal interface IControllerWorker
{
    string Name { get; }

    /// <summary>How long the oldest pass under way has been running; zero where none is.</summary>
    TimeSpan LongestPass { get; }

    /// <summary>Connects the informers to the queue. Before they start, so that no object is missed.</summary>
    void Connect(IServiceProvider provider);

    /// <summary>Works until <see cref="ShutDown"/>, and then until the passes under way have ended.</summary>
    /// <param name="abort">Cancels the passes under way.</param>
    Task RunAsync(CancellationToken abort);

    void ShutDown();
}

/// <summary>How a pass ended.</summary>
internal enum PassOutcome
{
    Success,
    RequeueAfter,
    /// <summary>The object is gone, or going while its status was written.</summary>
    Gone,
    /// <summary>Somebody else wrote first. Everyday business, no error.</summary>
    Conflict,
    Error,
    /// <summary>An error that trying again cannot mend.</summary>
    Terminal,
    TimedOut,
    /// <summary>An exception of a kind that says: this is a bug.</summary>
    Panic,
    /// <summary>Cut short by the shutdown.</summary>
    Cancelled,
}

/// <summary>
/// The queue of one controller and the workers that empty it: several keys at once, each key once at a time. Nothing that a pass
/// throws ends a worker.
/// </summary>
internal sealed partial class ControllerWorker<E>(
    Type controller, IReadOnlyList<Action<IServiceProvider, Action<NamespacedName>>> sources, IStore<E> store,
    IServiceScopeFactory scopes, OperatorOptions options, TimeProvider time, OperatorMetrics metrics, ILogger<ControllerWorker<E>> logger)
    : IControllerWorker, IReconcileTrigger<E>, IDisposable
    where E : class, IKubernetesObject<V1ObjectMeta>
{
    private readonly ControllerMetrics _metrics = new(metrics, EntityKind.Of<E>().Plural, options.Workers);
    private readonly WorkQueue<NamespacedName> _queue =
        new(time, options.RetryBackoff, options.Jitter, new QueueMetrics(metrics, EntityKind.Of<E>().Plural));
    private readonly UnseenWrites _unseen = new();

    public string Name { get; } = EntityKind.Of<E>().Plural;

    public TimeSpan LongestPass => _queue.InFlight.DefaultIfEmpty(TimeSpan.Zero).Max();

    /// <summary>No pass is under way, and no key is ready for one.</summary>
    internal bool IsIdle => _queue.IsIdle;

    /// <summary>Hears of every pass that has ended, how and after how long.</summary>
    internal Action<NamespacedName, PassOutcome, TimeSpan>? Observer { get; set; }

    public void Enqueue(NamespacedName key) => _queue.Add(key);

    public void EnqueueAfter(NamespacedName key, TimeSpan delay) => _queue.AddAfter(key, delay);

    public void Connect(IServiceProvider provider)
    {
        provider.GetRequiredService<Informer<E>>().AddHandler((old, now) =>
        {
            var key = NamespacedName.Of((now ?? old)!);
            if (_unseen.Seen(key, now?.Metadata.ResourceVersion) || Predicates.WantsPass(old, now, options.ReconcileAnnotation))
            {
                Add(key);
            }
        });
        foreach (var source in sources)
        {
            source(provider, _queue.Add);
        }
    }

    public Task RunAsync(CancellationToken abort) =>
        Task.WhenAll(Enumerable.Range(0, options.Workers).Select(_ => Task.Run(() => WorkAsync(abort), CancellationToken.None)));

    public void ShutDown() => _queue.ShutDown();

    public void Dispose() => _queue.Dispose();

    /// <summary>What was there before the process, the history above all, must not keep what is new waiting.</summary>
    private void Add(NamespacedName key)
    {
        if (store.HasSynced)
        {
            _queue.Add(key);
        }
        else
        {
            _queue.AddLowPriority(key);
        }
    }

    private async Task WorkAsync(CancellationToken abort)
    {
        try
        {
            while (await _queue.TakeAsync(CancellationToken.None) is { ShutDown: false, Key: var key })
            {
                if (_unseen.HoldBack(key, store.Get(key)?.Metadata.ResourceVersion))
                {
                    _queue.Done(key);
                }
                else
                {
                    await WorkOnAsync(key, abort);
                }
            }
        }
        catch
        {
            // Not by a pass, then by a bug of ours: better all workers end, and the process with them, than one key hangs for ever.
            _queue.ShutDown();
            throw;
        }
    }

    private async Task WorkOnAsync(NamespacedName key, CancellationToken abort)
    {
        var started = time.GetTimestamp();
        var pass = await PassAsync(key, abort);
        Settle(key, pass);
        _queue.Done(key);
        var took = time.GetElapsedTime(started);
        _metrics.Ended(pass.Outcome, took);
        Observer?.Invoke(key, pass.Outcome, took);
    }

    private async Task<Pass> PassAsync(NamespacedName key, CancellationToken abort)
    {
        using var active = _metrics.Active.TrackInProgress();
        using var limit = new CancellationTokenSource(options.ReconcileTimeout, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(abort, limit.Token);
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var instance = (IEntityController<E>)scope.ServiceProvider.GetRequiredService(controller);
            if (store.Get(key) is not { } shared)
            {
                await instance.DeletedAsync(key, linked.Token);
                return new Pass(PassOutcome.Gone);
            }

            var result = await instance.ReconcileAsync(KubeJson.Clone(shared), linked.Token);
            if (result.Entity.Metadata.ResourceVersion != shared.Metadata.ResourceVersion)
            {
                _unseen.Replaced(key, shared.Metadata.ResourceVersion);
            }

            return result switch
            {
                { IsSuccess: false, Exception: KubeApiException { IsConflict: true } } => new Pass(PassOutcome.Conflict),
                { IsSuccess: false } => new Pass(PassOutcome.Error, result.RequeueAfter, result.Exception, result.Message),
                { RequeueAfter: not null } => new Pass(PassOutcome.RequeueAfter, result.RequeueAfter),
                _ => new Pass(PassOutcome.Success),
            };
        }
        catch (Exception exception)
        {
            return new Pass(OutcomeOf(exception, key, abort, limit.Token), null, exception, exception.Message);
        }
    }

    private PassOutcome OutcomeOf(Exception exception, NamespacedName key, CancellationToken abort, CancellationToken limit) => exception switch
    {
        OperationCanceledException when abort.IsCancellationRequested => PassOutcome.Cancelled,
        OperationCanceledException when limit.IsCancellationRequested => PassOutcome.TimedOut,
        TerminalException => PassOutcome.Terminal,
        KubeApiException { IsConflict: true } => PassOutcome.Conflict,
        KubeApiException { IsNotFound: true } when store.Get(key)?.Metadata is not { DeletionTimestamp: null } => PassOutcome.Gone,
        KubeApiException or HttpRequestException or IOException or TimeoutException or OperationCanceledException => PassOutcome.Error,
        _ => PassOutcome.Panic,
    };

    /// <summary>The one place where an outcome becomes the key's next turn.</summary>
    private void Settle(NamespacedName key, Pass pass)
    {
        switch (pass.Outcome)
        {
            case PassOutcome.Success or PassOutcome.Gone:
                _queue.Forget(key);
                break;
            case PassOutcome.RequeueAfter:
                _queue.Forget(key);
                _queue.AddAfter(key, pass.RequeueAfter ?? TimeSpan.Zero);
                break;
            case PassOutcome.Conflict:
                LogConflict(Name, key);
                // Every event brings another pass, and so many conflicts in a moment say nothing about how long this lasts.
                _queue.AddRateLimited(key, atMost: options.LongestConflictWait);
                break;
            case PassOutcome.Error:
                LogError(pass.Exception, Name, key, pass.Message);
                _queue.AddRateLimited(key, pass.RequeueAfter ?? TimeSpan.Zero);
                break;
            case PassOutcome.TimedOut:
                LogTimedOut(Name, key, options.ReconcileTimeout);
                _queue.AddRateLimited(key);
                break;
            case PassOutcome.Panic:
                LogPanic(pass.Exception, Name, key);
                _queue.AddRateLimited(key);
                break;
            case PassOutcome.Terminal:
                LogTerminal(Name, key, pass.Message);
                _queue.Forget(key);
                break;
            case PassOutcome.Cancelled:
                break;
        }
    }

    [LoggerMessage(LogLevel.Debug, "The {Kind} pass for {Key} met a newer version and is repeated")]
    private partial void LogConflict(string kind, NamespacedName key);

    [LoggerMessage(LogLevel.Warning, "The {Kind} pass for {Key} failed and is repeated: {Message}")]
    private partial void LogError(Exception? exception, string kind, NamespacedName key, string? message);

    [LoggerMessage(LogLevel.Warning, "The {Kind} pass for {Key} took longer than {Limit} and is repeated")]
    private partial void LogTimedOut(string kind, NamespacedName key, TimeSpan limit);

    [LoggerMessage(LogLevel.Error, "The {Kind} pass for {Key} ended in an exception that nobody expected, and is repeated")]
    private partial void LogPanic(Exception? exception, string kind, NamespacedName key);

    [LoggerMessage(LogLevel.Warning, "The {Kind} pass for {Key} waits for a change: {Message}")]
    private partial void LogTerminal(string kind, NamespacedName key, string? message);

    private readonly record struct Pass(
        PassOutcome Outcome, TimeSpan? RequeueAfter = null, Exception? Exception = null, string? Message = null);
}
