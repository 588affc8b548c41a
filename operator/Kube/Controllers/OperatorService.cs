using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Slipway.Kube.Events;
using Slipway.Kube.Informers;
using Slipway.Kube.Leadership;

namespace Slipway.Kube.Controllers;

/// <summary>
/// Runs the informers and, once all of them have synced and this process leads, the controllers. A loop that dies takes the process
/// with it, and so does a lost lease: the host stops when <see cref="ExecuteAsync"/> throws.
/// </summary>
internal sealed partial class OperatorService(
    IServiceProvider provider, IEnumerable<IInformer> informers, IEnumerable<IControllerWorker> controllers, ILeadership leadership,
    EventSink events, OperatorHealth health, OperatorOptions options, TimeProvider time, ILogger<OperatorService> logger) : BackgroundService, IHostedLifecycleService
{
    // After a pass was cancelled: time for what it does on its way out.
    private static readonly TimeSpan CancelledPassLimit = TimeSpan.FromSeconds(2);

    // What has happened is told, or not; nobody waits for that.
    private static readonly TimeSpan EventsLimit = TimeSpan.FromSeconds(2);

    private readonly IReadOnlyList<IInformer> _informers = [.. informers];
    private readonly IReadOnlyList<IControllerWorker> _controllers = [.. controllers];
    private readonly CancellationTokenSource _stop = new();

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Comes before any service is stopped, so that probes and metrics are served until the last pass is over.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        health.MarkStopping();
        await _stop.CancelAsync();
        if (ExecuteTask is { } loop)
        {
            await Task.WhenAny(loop, Task.Delay(Timeout.InfiniteTimeSpan, time, cancellationToken));
        }
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Dispose()
    {
        _stop.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, _stop.Token);
        using var stopInformers = new CancellationTokenSource();
        using var stopHolding = new CancellationTokenSource();
        using var abortPasses = new CancellationTokenSource();
        using var abortEvents = new CancellationTokenSource();
        foreach (var controller in _controllers)
        {
            controller.Connect(provider);
        }

        // Loops get a thread each to start on: one that never awaits must not keep the others from starting.
        var watching = _informers.Select(informer => Task.Run(() => informer.RunAsync(stopInformers.Token), CancellationToken.None)).ToList();
        var telling = Task.Run(() => events.RunAsync(abortEvents.Token), CancellationToken.None);
        var working = new List<Task>();
        var holding = Task.CompletedTask;
        try
        {
            await WaitForSyncAsync(watching, stop.Token);
            health.MarkSynced();
            LogSynced(_informers.Count);
            // Only now: stores are warm on every replica, and whoever takes over has nothing left to read.
            await UnlessDeathAsync(leadership.AcquireAsync(stop.Token), watching, stop.Token);
            holding = leadership.HoldAsync(stopHolding.Token);
            working.AddRange(_controllers.Select(controller => controller.RunAsync(abortPasses.Token)));
            LogStarted(_controllers.Count);
            await FirstDeathAsync([.. watching, .. working, holding, telling], stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
        catch (LeadershipLostException)
        {
            // Somebody else may have begun already.
            await abortPasses.CancelAsync();
            health.MarkFaulted();
            throw;
        }
        catch
        {
            health.MarkFaulted();
            throw;
        }
        finally
        {
            health.MarkStopping();
            await DrainAsync(working, abortPasses);
            await stopInformers.CancelAsync();
            await Task.WhenAll(watching).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            events.Complete();
            await EndsWithinAsync([telling], EventsLimit);
            await abortEvents.CancelAsync();
            // Held to the last pass: released sooner, two would work at once.
            await stopHolding.CancelAsync();
            await holding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await leadership.ReleaseAsync();
        }
    }

    private async Task WaitForSyncAsync(IReadOnlyList<Task> watching, CancellationToken stop)
    {
        var all = Task.WhenAll(_informers.Select(informer => informer.Synced));
        try
        {
            await UnlessDeathAsync(all, watching, stop).WaitAsync(options.SyncLimit, time, stop);
        }
        catch (TimeoutException exception)
        {
            var late = _informers.Where(informer => !informer.Synced.IsCompleted).Select(informer => informer.Name);
            throw new TimeoutException($"Not listed within {options.SyncLimit}: {string.Join(", ", late)}.", exception);
        }
    }

    private async Task UnlessDeathAsync(Task awaited, IReadOnlyList<Task> loops, CancellationToken stop) =>
        await await Task.WhenAny(awaited, FirstDeathAsync(loops, stop));

    /// <summary>Throws when one of the loops has ended, for whatever reason: they are meant to run until the stop.</summary>
    private async Task FirstDeathAsync(IReadOnlyList<Task> loops, CancellationToken stop)
    {
        if (loops.Count == 0)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, time, stop);
        }

        await await Task.WhenAny(loops).WaitAsync(stop);
        throw new InvalidOperationException("A loop of the operator has ended.");
    }

    private async Task DrainAsync(IReadOnlyList<Task> working, CancellationTokenSource abort)
    {
        foreach (var controller in _controllers)
        {
            controller.ShutDown();
        }

        if (await EndsWithinAsync(working, options.DrainLimit))
        {
            return;
        }

        await abort.CancelAsync();
        if (!await EndsWithinAsync(working, CancelledPassLimit))
        {
            LogAbandoned();
        }
    }

    private async Task<bool> EndsWithinAsync(IReadOnlyList<Task> tasks, TimeSpan limit)
    {
        var all = Task.WhenAll(tasks);
        await all.WaitAsync(limit, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return all.IsCompleted;
    }

    [LoggerMessage(LogLevel.Information, "Watching {Informers} kinds")]
    private partial void LogSynced(int informers);

    [LoggerMessage(LogLevel.Information, "Reconciling {Controllers} kinds")]
    private partial void LogStarted(int controllers);

    [LoggerMessage(LogLevel.Error, "A pass does not heed its cancellation and is left behind")]
    private partial void LogAbandoned();
}
