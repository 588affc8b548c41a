using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;
using Slipway.Kube.Telemetry;

namespace Slipway.Tests.Unit.Kube.Controllers;

public sealed class ControllerWorkerTests : IAsyncLifetime
{
    private static readonly NamespacedName A = new("ns", "a");
    private static readonly NamespacedName B = new("ns", "b");
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(100);

    private readonly TestClock _clock = new();
    private readonly OperatorOptions _options = new() { Jitter = () => 0, Workers = 2 };
    private readonly Store<Widget> _store = new([]);
    private readonly WidgetScript _script = new();
    private readonly ListLogger<ControllerWorker<Widget>> _log = new();
    private readonly Channel<(NamespacedName Key, PassOutcome Outcome)> _passes = Channel.CreateUnbounded<(NamespacedName, PassOutcome)>();
    private readonly CancellationTokenSource _abort = new();
    private readonly ServiceProvider _services;
    private readonly ControllerWorker<Widget> _worker;
    private Task _run = Task.CompletedTask;

    public ControllerWorkerTests()
    {
        _services = new ServiceCollection()
            .AddSingleton(_script).AddScoped<WidgetScope>().AddScoped<WidgetController>()
            .BuildServiceProvider();
        _worker = Worker(typeof(WidgetController));
    }

    public ValueTask InitializeAsync()
    {
        Store(Widget.Named("a"));
        Store(Widget.Named("b"));
        _run = _worker.RunAsync(_abort.Token);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _worker.ShutDown();
        await _abort.CancelAsync();
        await _run.Soon();
        _worker.Dispose();
        _abort.Dispose();
        await _services.DisposeAsync();
    }

    [Requirement("R13")]
    [Fact]
    public async Task Pass_WhenItSucceeds_ComesAgainOnlyWhenSomethingChanges()
    {
        (await PassAsync(A)).ShouldBe(PassOutcome.Success);
        _clock.Advance(TimeSpan.FromHours(1));
        NoPassFollows();
    }

    // The pass may change its copy: the store is everybody's.
    [Requirement("R8")]
    [Fact]
    public async Task Pass_WhenItChangesItsEntity_DoesNotChangeTheStore()
    {
        _script.OnReconcile = (widget, _) =>
        {
            widget.Metadata.Labels = new Dictionary<string, string> { ["mine"] = "yes" };
            return Done(widget);
        };
        await PassAsync(A);
        _store.Get(A)!.Metadata.Labels.ShouldBeNull();
    }

    [Requirement("R14")]
    [Fact]
    public async Task Pass_WhenTheObjectIsGone_TellsTheControllerTheKey()
    {
        var gone = new NamespacedName("ns", "gone");
        (await PassAsync(gone)).ShouldBe(PassOutcome.Gone);
        _script.Deleted.ShouldBe([gone]);
    }

    [Requirement("R12")]
    [Fact]
    public async Task Pass_WhenItsKeyIsWokenMeanwhile_IsFollowedByAnotherNotJoinedByOne()
    {
        var (entered, leave) = (new SemaphoreSlim(0), new SemaphoreSlim(0));
        var running = 0;
        _script.OnReconcile = async (widget, _) =>
        {
            Interlocked.Increment(ref running).ShouldBe(1);
            entered.Release();
            await leave.WaitAsync(CancellationToken.None);
            Interlocked.Decrement(ref running);
            return ReconciliationResult<Widget>.Success(widget);
        };
        _worker.Enqueue(A);
        await entered.WaitAsync(TestContext.Current.CancellationToken).Soon();
        _worker.Enqueue(A);
        _worker.Enqueue(A);
        leave.Release(2);
        (await NextAsync()).ShouldBe((A, PassOutcome.Success));
        (await NextAsync()).ShouldBe((A, PassOutcome.Success));
        NoPassFollows();
    }

    [Requirement("R12")]
    [Fact]
    public async Task Pass_WhenAnotherKeysIsUnderWay_DoesNotWaitForIt()
    {
        var both = new CountdownEvent(2);
        var go = new TaskCompletionSource();
        _script.OnReconcile = async (widget, _) =>
        {
            if (both.Signal())
            {
                go.SetResult();
            }

            await go.Task;
            return ReconciliationResult<Widget>.Success(widget);
        };
        _worker.Enqueue(A);
        _worker.Enqueue(B);
        await NextAsync();
        await NextAsync();
    }

    [Requirement("R12")]
    [Fact]
    public void Workers_ByDefault_AreFour() => new OperatorOptions().Workers.ShouldBe(4);

    [Requirement("R12")]
    [Fact]
    public async Task Pass_WhenAllWorkersAreBusy_WaitsForOne()
    {
        var (entered, leave) = (new SemaphoreSlim(0), new SemaphoreSlim(0));
        _script.OnReconcile = async (widget, _) =>
        {
            entered.Release();
            await leave.WaitAsync(CancellationToken.None);
            return ReconciliationResult<Widget>.Success(widget);
        };
        Store(Widget.Named("c"));
        _worker.Enqueue(A);
        _worker.Enqueue(B);
        _worker.Enqueue(new NamespacedName("ns", "c"));
        await entered.WaitAsync(TestContext.Current.CancellationToken).Soon();
        await entered.WaitAsync(TestContext.Current.CancellationToken).Soon();
        entered.CurrentCount.ShouldBe(0, "there are two workers");
        leave.Release();
        await entered.WaitAsync(TestContext.Current.CancellationToken).Soon();
        leave.Release(2);
        (await NextAsync(), await NextAsync(), await NextAsync()).Item3.Outcome.ShouldBe(PassOutcome.Success);
    }

    [Requirement("R12")]
    [Fact]
    public async Task Pass_WhenItTakesTooLong_IsCancelledAndRepeated()
    {
        _script.OnReconcile = async (widget, token) =>
        {
            await token.CancelledAsync();
            return ReconciliationResult<Widget>.Success(widget);
        };
        _worker.Enqueue(A);
        await _clock.PassAsync(TimeSpan.FromMinutes(1));
        (await NextAsync()).ShouldBe((A, PassOutcome.TimedOut));
        _script.OnReconcile = (widget, _) => Done(widget);
        await IsRepeatedAfterAsync(FirstBackoff);
    }

    [Requirement("R12")]
    [Fact]
    public async Task Pass_Always_HasAScopeOfItsOwn()
    {
        await PassAsync(A);
        await PassAsync(A);
        var scopes = _script.Scopes.ToArray();
        scopes[0].ShouldNotBeSameAs(scopes[1]);
        scopes.ShouldAllBe(scope => scope.Disposed);
    }

    [Requirement("R22")]
    [Fact]
    public async Task LongestPass_WhenAPassHangs_Grows()
    {
        var (entered, leave) = (new TaskCompletionSource(), new TaskCompletionSource());
        _script.OnReconcile = async (widget, _) =>
        {
            entered.SetResult();
            await leave.Task;
            return ReconciliationResult<Widget>.Success(widget);
        };
        _worker.LongestPass.ShouldBe(TimeSpan.Zero);
        _worker.Enqueue(A);
        await entered.Task.Soon();
        _clock.Advance(TimeSpan.FromMinutes(4));
        _worker.LongestPass.ShouldBe(TimeSpan.FromMinutes(4));
        leave.SetResult();
        await NextAsync();
        _worker.LongestPass.ShouldBe(TimeSpan.Zero);
    }

    // An exception left the entity "effectively dead".
    [Requirement("R13", "ops#787")]
    [Fact]
    public async Task Pass_WhenItThrowsForEver_IsRepeatedForEverWithGrowingWaits()
    {
        _script.OnReconcile = (_, _) => throw new InvalidOperationException("bug");
        (await PassAsync(A)).ShouldBe(PassOutcome.Panic);
        for (var failure = 1; failure <= 15; failure++)
        {
            var wait = _options.RetryBackoff.Delay(failure, 0);
            _clock.Advance(wait - TimeSpan.FromMilliseconds(1));
            NoPassFollows();
            _clock.Advance(TimeSpan.FromMilliseconds(1));
            (await NextAsync()).Outcome.ShouldBe(PassOutcome.Panic);
        }
    }

    [Requirement("R13", "ops: Failure unretried")]
    [Fact]
    public async Task Pass_WhenItFails_IsRepeated()
    {
        _script.OnReconcile = (widget, _) => Task.FromResult(ReconciliationResult<Widget>.Failure(widget, "no"));
        (await PassAsync(A)).ShouldBe(PassOutcome.Error);
        await IsRepeatedAfterAsync(FirstBackoff);
        _log.Lines.ShouldContain(line => line.StartsWith("Warning:", StringComparison.Ordinal) && line.EndsWith("no", StringComparison.Ordinal));
    }

    [Requirement("R13")]
    [Fact]
    public async Task Pass_WhenItFailsAndSaysWhenToTryAgain_WaitsAtLeastThatLong()
    {
        _script.OnReconcile = (widget, _) =>
            Task.FromResult(ReconciliationResult<Widget>.Failure(widget, "no", requeueAfter: TimeSpan.FromSeconds(30)));
        await PassAsync(A);
        await IsRepeatedAfterAsync(TimeSpan.FromSeconds(30));
    }

    [Requirement("R13")]
    [Fact]
    public async Task Pass_WhenItFailsAndAsksForLessThanItsBackoff_WaitsForTheBackoffWhichGoesOnGrowing()
    {
        _script.OnReconcile = (widget, _) =>
            Task.FromResult(ReconciliationResult<Widget>.Failure(widget, "no", requeueAfter: TimeSpan.FromMilliseconds(1)));
        await PassAsync(A);
        await IsRepeatedAfterAsync(FirstBackoff);
        await IsRepeatedAfterAsync(FirstBackoff * 2);
    }

    [Requirement("R13")]
    [Fact]
    public async Task Pass_WhenItSucceedsAtLast_StartsItsBackoffAnew()
    {
        var fails = new Queue<bool>([true, true, false, true, false]);
        _script.OnReconcile = (widget, _) => fails.Dequeue() ? throw new IOException("down") : Done(widget);
        (await PassAsync(A)).ShouldBe(PassOutcome.Error);
        await IsRepeatedAfterAsync(FirstBackoff);
        await IsRepeatedAfterAsync(FirstBackoff * 2);
        (await PassAsync(A)).ShouldBe(PassOutcome.Error);
        await IsRepeatedAfterAsync(FirstBackoff);
    }

    [Requirement("R13")]
    [Fact]
    public async Task Pass_WhenItAsksToBeRequeued_ComesAgainThenAndItsBackoffIsForgotten()
    {
        var outcomes = new Queue<Func<Widget, ReconciliationResult<Widget>>>([
            widget => ReconciliationResult<Widget>.Failure(widget, "no"),
            widget => ReconciliationResult<Widget>.Success(widget, TimeSpan.FromSeconds(10)),
            widget => ReconciliationResult<Widget>.Failure(widget, "no"),
            widget => ReconciliationResult<Widget>.Success(widget),
        ]);
        _script.OnReconcile = (widget, _) => Task.FromResult(outcomes.Dequeue()(widget));
        (await PassAsync(A)).ShouldBe(PassOutcome.Error);
        _clock.Advance(FirstBackoff);
        (await NextAsync()).Outcome.ShouldBe(PassOutcome.RequeueAfter);
        await IsRepeatedAfterAsync(TimeSpan.FromSeconds(10));
        await IsRepeatedAfterAsync(FirstBackoff);
    }

    [Requirement("R13")]
    [Fact]
    public async Task Pass_WhenItsErrorIsTerminal_IsNotRepeatedUntilTheKeyIsWoken()
    {
        _script.OnReconcile = (_, _) => throw new TerminalException("never");
        (await PassAsync(A)).ShouldBe(PassOutcome.Terminal);
        _clock.Advance(TimeSpan.FromHours(1));
        NoPassFollows();
        (await PassAsync(A)).ShouldBe(PassOutcome.Terminal);
    }

    [Requirement("R14")]
    [Fact]
    public async Task Pass_WhenItMeetsAConflict_IsRepeatedQuietly()
    {
        _script.OnReconcile = (_, _) => throw new KubeApiException(HttpStatusCode.Conflict, "Conflict", "changed");
        (await PassAsync(A)).ShouldBe(PassOutcome.Conflict);
        await IsRepeatedAfterAsync(FirstBackoff);
        _log.Lines.ShouldAllBe(line => line.StartsWith("Debug:", StringComparison.Ordinal));
    }

    [Requirement("R14")]
    [Fact]
    public async Task Pass_WhenItReturnsAConflictAsAFailure_IsRepeatedQuietlyToo()
    {
        var conflict = new KubeApiException(HttpStatusCode.Conflict, "Conflict", "changed");
        _script.OnReconcile = (widget, _) => Task.FromResult(ReconciliationResult<Widget>.Failure(widget, conflict.Message, conflict));
        (await PassAsync(A)).ShouldBe(PassOutcome.Conflict);
    }

    [Requirement("R14")]
    [Fact]
    public async Task Pass_WhenACreateFindsTheNameTaken_IsAnErrorNotAConflict()
    {
        _script.OnReconcile = (_, _) => throw new KubeApiException(HttpStatusCode.Conflict, "AlreadyExists", "exists");
        (await PassAsync(A)).ShouldBe(PassOutcome.Error);
    }

    [Requirement("R14")]
    [Fact]
    public async Task Pass_WhenADeletingObjectIsNotFound_IsFine()
    {
        var deleting = Widget.Named("a", 2);
        deleting.Metadata.DeletionTimestamp = _clock.GetUtcNow().UtcDateTime;
        Store(deleting);
        _script.OnReconcile = (_, _) => throw new KubeApiException(HttpStatusCode.NotFound, "NotFound", "gone");
        (await PassAsync(A)).ShouldBe(PassOutcome.Gone);
        _clock.Advance(TimeSpan.FromHours(1));
        NoPassFollows();
    }

    [Requirement("R14")]
    [Fact]
    public async Task Pass_WhenALivingObjectIsNotFound_IsAnError()
    {
        _script.OnReconcile = (_, _) => throw new KubeApiException(HttpStatusCode.NotFound, "NotFound", "no such namespace");
        (await PassAsync(A)).ShouldBe(PassOutcome.Error);
    }

    [Requirement("R14")]
    [Fact]
    public async Task Pass_WhenTheNetworkFails_IsAnErrorNotABug()
    {
        _script.OnReconcile = (_, _) => throw new HttpRequestException("refused");
        (await PassAsync(A)).ShouldBe(PassOutcome.Error);
    }

    [Requirement("R14")]
    [Fact]
    public async Task Pass_WhenCutShortByTheShutdown_IsNoErrorAndEndsTheWorker()
    {
        var entered = new TaskCompletionSource();
        _script.OnReconcile = async (widget, token) =>
        {
            entered.SetResult();
            await token.CancelledAsync();
            return ReconciliationResult<Widget>.Success(widget);
        };
        _worker.Enqueue(A);
        await entered.Task.Soon();
        _worker.ShutDown();
        await _abort.CancelAsync();
        await _run.Soon();
        (await NextAsync()).ShouldBe((A, PassOutcome.Cancelled));
        _log.Lines.ShouldBeEmpty();
    }

    [Requirement("R14")]
    [Fact]
    public async Task Pass_WhenTheControllerCannotBeMade_DoesNotEndTheWorker()
    {
        var worker = Worker(typeof(UnknownController));
        var run = worker.RunAsync(_abort.Token);
        for (var i = 0; i < 5; i++)
        {
            worker.Enqueue(A);
            (await NextAsync()).Outcome.ShouldBe(PassOutcome.Panic);
        }

        worker.ShutDown();
        await run.Soon();
        worker.Dispose();
    }

    [Requirement("R21")]
    [Fact]
    public async Task Run_WhenAWorkerDies_EndsThemAllSoThatItIsNoticed()
    {
        var worker = Worker(typeof(WidgetController));
        worker.Observer = (_, _, _) => throw new InvalidOperationException("bug");
        var run = worker.RunAsync(_abort.Token);
        worker.Enqueue(A);
        await Should.ThrowAsync<InvalidOperationException>(run.Soon());
        worker.Dispose();
    }

    [Requirement("R11")]
    [Fact]
    public async Task EnqueueAfter_WhenTheTimeHasCome_RunsAPass()
    {
        _worker.EnqueueAfter(A, TimeSpan.FromSeconds(5));
        NoPassFollows();
        _clock.Advance(TimeSpan.FromSeconds(5));
        (await NextAsync()).ShouldBe((A, PassOutcome.Success));
    }

    private sealed class UnknownController;

    private ControllerWorker<Widget> Worker(Type controller) => new(
        controller, [], _store, _services.GetRequiredService<IServiceScopeFactory>(), _options, _clock, new OperatorMetrics(), _log)
    {
        Observer = (key, outcome, _) => _passes.Writer.TryWrite((key, outcome)),
    };

    private void Store(Widget widget) => _store.Put(_store.Prepare(widget));

    private static Task<ReconciliationResult<Widget>> Done(Widget widget) => Task.FromResult(ReconciliationResult<Widget>.Success(widget));

    private async Task<PassOutcome> PassAsync(NamespacedName key)
    {
        _worker.Enqueue(key);
        var (passed, outcome) = await NextAsync();
        passed.ShouldBe(key);
        return outcome;
    }

    private async Task<(NamespacedName Key, PassOutcome Outcome)> NextAsync() =>
        await _passes.Reader.ReadAsync(TestContext.Current.CancellationToken).Soon();

    private async Task IsRepeatedAfterAsync(TimeSpan wait)
    {
        _clock.Advance(wait - TimeSpan.FromMilliseconds(1));
        NoPassFollows();
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        await NextAsync();
    }

    /// <summary>Asked of the queue: a pass that has just been woken is not over yet.</summary>
    private void NoPassFollows()
    {
        _worker.IsIdle.ShouldBeTrue();
        _passes.Reader.TryPeek(out _).ShouldBeFalse();
    }
}
