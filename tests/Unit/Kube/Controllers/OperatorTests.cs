using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading.Channels;
using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Events;
using Slipway.Kube.Informers;
using Slipway.Kube.Leadership;
using Slipway.Kube.Telemetry;
using Slipway.Kube.Writing;

namespace Slipway.Tests.Unit.Kube.Controllers;

/// <summary>The layer as a whole: a host, two kinds, one controller, and the scripted API server.</summary>
public sealed class OperatorTests : IAsyncLifetime
{
    private const string Widgets = "/apis/test.dev/v1/widgets";
    private const string Jobs = "/apis/batch/v1/jobs";

    private readonly TestClock _clock = new();
    private readonly WidgetScript _script = new();
    private readonly Channel<string> _passes = Channel.CreateUnbounded<string>();
    private readonly Channel<string> _heard = Channel.CreateUnbounded<string>();
    private readonly Dictionary<string, Exchange> _requests = [];
    private ScriptedApiServer _server = null!;
    private IHost? _host;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private OperatorHealth Health => _host!.Services.GetRequiredService<OperatorHealth>();

    private CancellationToken Stopping => _host!.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;

    public async ValueTask InitializeAsync() => _server = await ScriptedApiServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.StopAsync(CancellationToken.None).Soon();
            _host.Dispose();
        }

        await _server.DisposeAsync();
    }

    [Requirement("R8")]
    [Requirement("R22")]
    [Fact]
    public async Task Start_WhenOneInformerHasNotSynced_NoWorkerRunsAndItIsNotReady()
    {
        await StartAsync();
        await (await RequestAsync(Widgets)).AnswerAsync(Widget.List("10", null, Widget.Named("a")));
        await (await RequestAsync(Widgets)).OpenAsync();
        Health.Ready.ShouldBeFalse();
        _passes.Reader.TryPeek(out _).ShouldBeFalse();

        await (await RequestAsync(Jobs)).AnswerAsync("""{"metadata":{"resourceVersion":"10"},"items":null}""");
        (await NextPassAsync()).ShouldBe("a");
        Health.Ready.ShouldBeTrue();
    }

    [Requirement("R8")]
    [Fact]
    public async Task Start_WhenAnInformerNeverSyncs_StopsTheHost()
    {
        await StartAsync();
        await RequestAsync(Jobs);
        await _clock.PassAsync(TimeSpan.FromMinutes(2));
        await StoppedAsync();
    }

    // A dead loop must kill the process: probes were the only cure for one that lives on without it.
    [Requirement("R21")]
    [Requirement("R22", "ops#482")]
    [Fact]
    public async Task Run_WhenALoopEnds_StopsTheHost()
    {
        var dying = new DyingInformer();
        await StartAsync(services => services.AddSingleton<IInformer>(dying));
        await SyncAsync();
        await NextPassAsync();
        Stopping.IsCancellationRequested.ShouldBeFalse();
        dying.Die();
        await StoppedAsync();
    }

    // An ignored status event cancelled the scheduled requeue, so polling stopped.
    [Requirement("R9", "ops#554", "ops#707")]
    [Fact]
    public async Task StatusEvent_WhenARequeueIsScheduled_NeitherWakesTheKeyNorMovesTheRequeue()
    {
        var answers = new Queue<TimeSpan?>([TimeSpan.FromSeconds(10), null]);
        _script.OnReconcile = (widget, _) =>
            Task.FromResult(ReconciliationResult<Widget>.Success(widget, answers.TryDequeue(out var wait) ? wait : null));
        await StartAsync();
        var (widgets, _) = await SyncAsync();
        await NextPassAsync();
        _clock.Advance(TimeSpan.FromSeconds(5));
        await widgets.SendAsync("MODIFIED", (Widget.Named("a", 11) with { Status = new WidgetStatus { Phase = "Ready" } }).Json());
        // In order: once this one has its pass, the status event has been dealt with.
        await widgets.SendAsync("ADDED", Widget.Named("b", 12).Json());
        (await NextPassAsync()).ShouldBe("b");
        _clock.Advance(TimeSpan.FromSeconds(5));
        (await NextPassAsync()).ShouldBe("a");
    }

    [Requirement("R9", "ops#668")]
    [Fact]
    public async Task ChildEvent_WhenOnlyItsStatusChanged_WakesItsController()
    {
        await StartAsync();
        var (_, jobs) = await SyncAsync();
        await NextPassAsync();
        var job = Job("child", "11", "a");
        await jobs.SendAsync("ADDED", KubeJson.ToNode(job));
        (await NextPassAsync()).ShouldBe("a");
        job.Metadata.ResourceVersion = "12";
        job.Status = new V1JobStatus { Active = 1 };
        await jobs.SendAsync("MODIFIED", KubeJson.ToNode(job));
        (await NextPassAsync()).ShouldBe("a");
    }

    [Requirement("R13")]
    [Fact]
    public async Task TerminalError_WhenTheGenerationChanges_IsTriedAgainAndNotBefore()
    {
        _script.OnReconcile = (_, _) => throw new TerminalException("never");
        await StartAsync();
        var (widgets, _) = await SyncAsync();
        (await NextPassAsync()).ShouldBe("a");
        await widgets.SendAsync("MODIFIED", (Widget.Named("a", 11) with { Status = new WidgetStatus { Phase = "Stalled" } }).Json());
        await widgets.SendAsync("ADDED", Widget.Named("b", 12).Json());
        (await NextPassAsync()).ShouldBe("b");
        _clock.Advance(TimeSpan.FromMinutes(4));
        await widgets.SendAsync("MODIFIED", Widget.Named("a", 13, generation: 2).Json());
        (await NextPassAsync()).ShouldBe("a");
        _passes.Reader.TryPeek(out _).ShouldBeFalse();
    }

    [Requirement("R12")]
    [Requirement("R23")]
    [Fact]
    public async Task Pass_WhenItTimesOut_IsCountedUnderItsControllerAndNotItsKey()
    {
        var entered = new TaskCompletionSource();
        _script.OnReconcile = async (widget, token) =>
        {
            entered.TrySetResult();
            await token.CancelledAsync();
            return ReconciliationResult<Widget>.Success(widget);
        };
        await StartAsync();
        await SyncAsync();
        await entered.Task.Soon();
        _clock.Advance(TimeSpan.FromMinutes(1));
        (await NextPassAsync()).ShouldBe("a");

        var metrics = _host!.Services.GetRequiredService<OperatorMetrics>();
        metrics.Timeouts.WithLabels("widgets").Value.ShouldBe(1);
        metrics.PassErrors.WithLabels("widgets").Value.ShouldBe(1);
        using var stream = new MemoryStream();
        await metrics.Registry.CollectAndExportAsTextAsync(stream, Token);
        var text = Encoding.UTF8.GetString(stream.ToArray());
        Regex.Matches(text, @"(\w+)=\""").Select(label => label.Groups[1].Value).Distinct()
            .ShouldBe(["controller", "result", "le", "name", "kind", "code", "method", "host"], ignoreOrder: true);
        text.ShouldNotContain("\"a\"");
    }

    // Users woke the parent from a second controller, and both raced.
    [Requirement("R10", "ops#977")]
    [Fact]
    public async Task ChildEvent_WhenTheChildIsOwned_WakesItsController()
    {
        await StartAsync();
        var (widgets, jobs) = await SyncAsync();
        await NextPassAsync();
        await jobs.SendAsync("ADDED", KubeJson.ToNode(Job("child", "11", "a")));
        (await NextPassAsync()).ShouldBe("a");
        await jobs.SendAsync("DELETED", KubeJson.ToNode(Job("child", "12", "a")));
        (await NextPassAsync()).ShouldBe("a");
        await widgets.SendAsync("DELETED", Widget.Named("a", 13).Json());
        await widgets.SendAsync("ADDED", Widget.Named("b", 14).Json());
        new[] { await NextPassAsync(), await NextPassAsync() }.ShouldBe(["a", "b"], ignoreOrder: true);
        _script.Deleted.ShouldBe([new NamespacedName("ns", "a")]);
    }

    // After its own status write a pass saw the old status again.
    [Requirement("R16", "cr#1464")]
    [Fact]
    public async Task Pass_WhenTheStoreDoesNotShowTheLastOnesWrite_WaitsForItInsteadOfPlanningFromThePast()
    {
        var planned = new ConcurrentQueue<string>();
        _script.OnReconcile = (widget, _) =>
        {
            planned.Enqueue(widget.Metadata.ResourceVersion);
            return Task.FromResult(ReconciliationResult<Widget>.Success(Widget.Named("a", 11)));
        };
        await StartAsync();
        var (widgets, jobs) = await SyncAsync();
        await NextPassAsync();
        await jobs.SendAsync("ADDED", KubeJson.ToNode(Job("child", "11", "a")));
        await jobs.SendAsync("ADDED", KubeJson.ToNode(Job("other", "11", "b")));
        (await NextPassAsync()).ShouldBe("b");
        // Not an event that brings a pass by itself.
        await widgets.SendAsync("MODIFIED", (Widget.Named("a", 11) with { Status = new WidgetStatus { Phase = "Ready" } }).Json());
        (await NextPassAsync()).ShouldBe("a");
        planned.ShouldBe(["1", "11"]);
    }

    // Requeues ran without the lease.
    [Requirement("R20", "ops#784")]
    [Requirement("R22")]
    [Fact]
    public async Task Start_WhenAnotherLeads_IsReadyWithWarmStoresAndRunsNoPass()
    {
        var leadership = new ScriptedLeadership();
        await StartAsync(services => services.AddSingleton<ILeadership>(leadership));
        var (widgets, _) = await SyncAsync();
        await leadership.Asked.Soon();
        Health.Ready.ShouldBeTrue();
        await widgets.SendAsync("ADDED", Widget.Named("b", 11).Json());
        await widgets.SendAsync("DELETED", Widget.Named("b", 12).Json());
        await widgets.SendAsync("ADDED", Widget.Named("c", 13).Json());
        // Events come one after the other: what is to be known of b is known.
        await HeardAsync("c");
        _passes.Reader.TryPeek(out _).ShouldBeFalse();

        leadership.Lead();
        new[] { await NextPassAsync(), await NextPassAsync(), await NextPassAsync() }.ShouldBe(["a", "b", "c"], ignoreOrder: true);
        _script.Deleted.ShouldBe([new NamespacedName("ns", "b")]);
    }

    [Requirement("R20", "ops#522")]
    [Fact]
    public async Task Run_WhenTheLeaseIsLost_CancelsThePassAtOnceAndStopsTheHost()
    {
        var (entered, cancelled) = (new TaskCompletionSource(), new TaskCompletionSource());
        _script.OnReconcile = async (widget, token) =>
        {
            token.Register(cancelled.SetResult);
            entered.SetResult();
            await token.CancelledAsync();
            return ReconciliationResult<Widget>.Success(widget);
        };
        var leadership = new ScriptedLeadership();
        await StartAsync(services => services.AddSingleton<ILeadership>(leadership));
        await SyncAsync();
        leadership.Lead();
        await entered.Task.Soon();
        leadership.Lose();
        // The clock stands still: no limit of the drain has run out.
        await cancelled.Task.Soon();
        await StoppedAsync();
    }

    [Requirement("R20")]
    [Requirement("R21")]
    [Fact]
    public async Task Stop_WhenAPassIsUnderWay_KeepsTheLeaseUntilItIsOver()
    {
        var (entered, leave) = (new TaskCompletionSource(), new TaskCompletionSource());
        _script.OnReconcile = async (widget, _) =>
        {
            entered.SetResult();
            await leave.Task;
            return ReconciliationResult<Widget>.Success(widget);
        };
        var leadership = new ScriptedLeadership();
        await StartAsync(services => services.AddSingleton<ILeadership>(leadership));
        await SyncAsync();
        leadership.Lead();
        await entered.Task.Soon();
        var stop = _host!.StopAsync(Token);
        await _clock.TimerAsync(TimeSpan.FromSeconds(20));
        (leadership.Holding, leadership.Released).ShouldBe((true, false));
        leave.SetResult();
        await stop.Soon();
        (leadership.Holding, leadership.Released).ShouldBe((false, true));
    }

    [Requirement("R20")]
    [Fact]
    public async Task LeaseClient_WhenRequestsHang_GivesUpAfterHalfTheRenewDeadline()
    {
        var lease = new LeaderElectionOptions { Lease = new("slipway-system", "slipway") };
        var services = new ServiceCollection().AddLogging().AddSingleton<TimeProvider>(_clock);
        services.AddKubernetesOperator(options =>
        {
            _server.Configure(options);
            options.LeaderElection = lease;
        });
        await using var provider = services.BuildServiceProvider();
        var (own, others) = (provider.GetRequiredKeyedService<IKubeClient>(lease.Lease), provider.GetRequiredService<IKubeClient>());
        var (quick, patient) = (own.GetAsync<Widget>(new("ns", "a"), Token), others.GetAsync<Widget>(new("ns", "a"), Token));
        await _server.NextAsync();
        await _server.NextAsync();
        _clock.Advance(TimeSpan.FromSeconds(5));
        await Should.ThrowAsync<TimeoutException>(quick.Soon());
        patient.IsCompleted.ShouldBeFalse();
        _clock.Advance(TimeSpan.FromSeconds(25));
        await Should.ThrowAsync<TimeoutException>(patient.Soon());
    }

    [Requirement("R20")]
    [Requirement("R23")]
    [Fact]
    public async Task Leadership_WhenElected_IsToldByAGaugeThatBeginsAtZero()
    {
        var services = new ServiceCollection().AddLogging().AddSingleton<TimeProvider>(_clock);
        services.AddKubernetesOperator(options =>
        {
            _server.Configure(options);
            options.LeaderElection = new LeaderElectionOptions { Lease = new("slipway-system", "slipway") };
        });
        await using var provider = services.BuildServiceProvider();
        provider.GetRequiredService<ILeadership>().ShouldBeOfType<LeaderElector>();
        using var stream = new MemoryStream();
        await provider.GetRequiredService<OperatorMetrics>().Registry.CollectAndExportAsTextAsync(stream, Token);
        Encoding.UTF8.GetString(stream.ToArray()).ShouldContain("leader_election_master_status{name=\"slipway\"} 0\n");
    }

    [Requirement("R21")]
    [Fact]
    public void Host_WhenALoopDiesOrAStopHangs_EndsAllTheSame()
    {
        var services = new ServiceCollection();
        services.AddKubernetesOperator();
        using var provider = services.BuildServiceProvider();
        var host = provider.GetRequiredService<IOptions<HostOptions>>().Value;
        (host.BackgroundServiceExceptionBehavior, host.ShutdownTimeout).ShouldBe((BackgroundServiceExceptionBehavior.StopHost, TimeSpan.FromSeconds(30)));
    }

    // Whoever asks for metrics or probes while it drains gets an answer.
    [Requirement("R21")]
    [Fact]
    public async Task Stop_WhenAPassIsUnderWay_StopsNoOtherServiceBeforeItIsOver()
    {
        var order = new ConcurrentQueue<string>();
        var (entered, leave) = (new TaskCompletionSource(), new TaskCompletionSource());
        _script.OnReconcile = async (widget, _) =>
        {
            entered.SetResult();
            await leave.Task;
            order.Enqueue("pass");
            return ReconciliationResult<Widget>.Success(widget);
        };
        await StartAsync(services => services.AddSingleton<IHostedService>(new OtherService(() => order.Enqueue("http"))));
        await SyncAsync();
        await entered.Task.Soon();
        var stop = _host!.StopAsync(Token);
        await _clock.TimerAsync(TimeSpan.FromSeconds(20));
        // Whoever would go on without waiting has the time for it.
        for (var turn = 0; turn < 1000; turn++)
        {
            await Task.Yield();
        }

        leave.SetResult();
        await stop.Soon();
        order.ShouldBe(["pass", "http"]);
    }

    [Requirement("R19")]
    [Requirement("R21")]
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stop_WhenAnEventIsBeingWritten_WaitsTwoSecondsForItAndGivesTheLeaseBackAfterThat(bool answered)
    {
        var leadership = new ScriptedLeadership();
        await StartAsync(services => services.AddSingleton<ILeadership>(leadership));
        var (widgets, _) = await SyncAsync();
        leadership.Lead();
        await NextPassAsync();
        _host!.Services.GetRequiredService<IEventRecorder>().Record(RecordedEvent.Of(Widget.Named("a"), EventType.Normal, "Ready", "It works."));
        var create = await RequestAsync("/api/v1/namespaces/ns/events");
        var stop = _host.StopAsync(Token);
        await _clock.TimerAsync(TimeSpan.FromSeconds(2));
        await widgets.Finished.Soon();
        (leadership.Holding, leadership.Released).ShouldBe((true, false));
        if (answered)
        {
            await create.AnswerAsync(create.Json, 201);
        }
        else
        {
            _clock.Advance(TimeSpan.FromSeconds(2));
        }

        await stop.Soon();
        leadership.Released.ShouldBeTrue();
    }

    [Requirement("R21")]
    [Fact]
    public async Task Stop_WhenAPassIsUnderWay_IsNotReadyAndWaitsForItWithTheInformersStillRunning()
    {
        var (entered, leave) = (new TaskCompletionSource(), new TaskCompletionSource());
        _script.OnReconcile = async (widget, _) =>
        {
            entered.SetResult();
            await leave.Task;
            return ReconciliationResult<Widget>.Success(widget);
        };
        await StartAsync();
        var (widgets, _) = await SyncAsync();
        await entered.Task.Soon();
        var stop = _host!.StopAsync(Token);
        await _clock.TimerAsync(TimeSpan.FromSeconds(20));
        Health.Ready.ShouldBeFalse();
        (stop.IsCompleted, widgets.Finished.IsCompleted).ShouldBe((false, false));
        leave.SetResult();
        await stop.Soon();
        await widgets.Finished.Soon();
    }

    [Requirement("R21")]
    [Fact]
    public async Task Stop_WhenAPassIgnoresItsToken_IsNotHeldPastTheLimit()
    {
        var (entered, cancelled, leave) = (new TaskCompletionSource(), new TaskCompletionSource(), new TaskCompletionSource());
        _script.OnReconcile = async (widget, token) =>
        {
            token.Register(cancelled.SetResult);
            entered.SetResult();
            await leave.Task;
            return ReconciliationResult<Widget>.Success(widget);
        };
        await StartAsync();
        await SyncAsync();
        await entered.Task.Soon();
        var stop = _host!.StopAsync(Token);
        await _clock.PassAsync(TimeSpan.FromSeconds(20));
        await cancelled.Task.Soon();
        await _clock.PassAsync(TimeSpan.FromSeconds(2));
        await stop.Soon();
        leave.SetResult();
    }

    [Requirement("R21")]
    [Fact]
    public async Task Stop_WhenNothingHasSyncedYet_EndsAtOnce()
    {
        await StartAsync();
        await RequestAsync(Widgets);
        await _host!.StopAsync(Token).Soon();
    }

    [Requirement("R22")]
    [Fact]
    public async Task Healthy_WhenAnInformerHearsNothing_IsFalse()
    {
        await StartAsync();
        await RequestAsync(Widgets);
        Health.Problem.ShouldBeNull();
        _clock.Advance(TimeSpan.FromMinutes(15) + TimeSpan.FromSeconds(1));
        Health.Problem.ShouldNotBeNull().ShouldContain("Nothing was heard");
    }

    [Requirement("R22")]
    [Fact]
    public async Task Healthy_WhenAPassHangs_IsFalse()
    {
        var (entered, leave) = (new TaskCompletionSource(), new TaskCompletionSource());
        _script.OnReconcile = async (widget, _) =>
        {
            entered.SetResult();
            await leave.Task;
            return ReconciliationResult<Widget>.Success(widget);
        };
        await StartAsync();
        await SyncAsync();
        await entered.Task.Soon();
        _clock.Advance(TimeSpan.FromMinutes(3));
        Health.Problem.ShouldBeNull();
        _clock.Advance(TimeSpan.FromSeconds(1));
        Health.Problem!.ShouldContain("widgets");
        leave.SetResult();
    }

    [Requirement("R11", "ops#977")]
    [Fact]
    public void AddController_WhenTheKindHasOne_Throws()
    {
        var builder = new ServiceCollection().AddKubernetesOperator().AddController<WidgetController, Widget>();
        Should.Throw<InvalidOperationException>(() => builder.AddController<WidgetController, Widget>());
    }

    [Fact]
    public void AddInformer_WhenTheKindHasOne_Throws()
    {
        var builder = new ServiceCollection().AddKubernetesOperator().AddInformer<Widget>();
        Should.Throw<InvalidOperationException>(() => builder.AddInformer<Widget>("app=x"));
    }

    [Requirement("R17")]
    [Fact]
    public void ControlledBy_Always_IsAControllerThatBlocksDeletion()
    {
        var owner = OwnerReferences.ControlledBy(Widget.Named("a"));
        (owner.ApiVersion, owner.Kind, owner.Name, owner.Uid).ShouldBe(("test.dev/v1", "Widget", "a", "uid-a"));
        (owner.Controller, owner.BlockOwnerDeletion).ShouldBe((true, true));
    }

    private async Task StartAsync(Action<IServiceCollection>? configure = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(_clock).AddSingleton(_script).AddScoped<WidgetScope>();
        builder.Services.AddKubernetesOperator(_server.Configure)
            .AddInformer<Widget>()
            .AddInformer<V1Job>(labelSelector: "app=x")
            .AddController<WidgetController, Widget>(controller => controller.Owns<V1Job>());
        configure?.Invoke(builder.Services);
        _host = builder.Build();
        // Of passes that are over: what they wanted from the queue is there by then.
        _host.Services.GetRequiredService<ControllerWorker<Widget>>().Observer = (key, _, _) => _passes.Writer.TryWrite(key.Name);
        _host.Services.GetRequiredService<Informer<Widget>>().AddHandler((old, now) => _heard.Writer.TryWrite((now ?? old)!.Metadata.Name));
        await _host.StartAsync(Token);
    }

    /// <summary>Answers both lists, one widget "a" and no job, and opens both watches.</summary>
    private async Task<(Exchange Widgets, Exchange Jobs)> SyncAsync()
    {
        await (await RequestAsync(Widgets)).AnswerAsync(Widget.List("10", null, Widget.Named("a")));
        await (await RequestAsync(Jobs)).AnswerAsync("""{"metadata":{"resourceVersion":"10"},"items":[]}""");
        return (await (await RequestAsync(Widgets)).OpenAsync(), await (await RequestAsync(Jobs)).OpenAsync());
    }

    /// <summary>The next request for one of the two kinds; they come in any order.</summary>
    private async Task<Exchange> RequestAsync(string path)
    {
        Exchange? request;
        while (!_requests.Remove(path, out request))
        {
            var next = await _server.NextAsync();
            _requests.Add(next.Path, next);
        }

        return request;
    }

    private async Task<string> NextPassAsync() => await _passes.Reader.ReadAsync(Token).Soon();

    /// <summary>The informer has heard of that widget.</summary>
    private async Task HeardAsync(string name)
    {
        while (await _heard.Reader.ReadAsync(Token).Soon() != name)
        {
        }
    }

    private async Task StoppedAsync()
    {
        var stopped = new TaskCompletionSource();
        await using var registration = Stopping.Register(stopped.SetResult);
        await stopped.Task.Soon();
        Health.Faulted.ShouldBeTrue();
    }

    private static V1Job Job(string name, string version, string owner) => new()
    {
        Metadata = new V1ObjectMeta
        {
            Name = name,
            NamespaceProperty = "ns",
            Uid = name,
            ResourceVersion = version,
            OwnerReferences = [OwnerReferences.ControlledBy(Widget.Named(owner))],
        },
    };

    /// <summary>Leads, and loses, when the test says so.</summary>
    private sealed class ScriptedLeadership : ILeadership
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _lead = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Asked => _asked.Task;

        public bool IsLeader => _lead.Task.IsCompleted && !_lost.Task.IsCompleted;

        public bool Holding { get; private set; }

        public bool Released { get; private set; }

        public void Lead() => _lead.SetResult();

        public void Lose() => _lost.SetException(new LeadershipLostException("lost"));

        public Task AcquireAsync(CancellationToken cancellationToken)
        {
            _asked.SetResult();
            return _lead.Task.WaitAsync(cancellationToken);
        }

        public async Task HoldAsync(CancellationToken cancellationToken)
        {
            Holding = true;
            try
            {
                await _lost.Task.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
            }
            finally
            {
                Holding = false;
            }
        }

        public Task ReleaseAsync()
        {
            Released = true;
            return Task.CompletedTask;
        }
    }

    private sealed class OtherService(Action stopped) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken)
        {
            stopped();
            return Task.CompletedTask;
        }
    }

    private sealed class DyingInformer : IInformer
    {
        private readonly TaskCompletionSource _death = new();

        public string Name => "mortals";

        public Task Synced => Task.CompletedTask;

        public TimeSpan Silence => TimeSpan.Zero;

        public Task RunAsync(CancellationToken cancellationToken) => _death.Task.WaitAsync(cancellationToken);

        public void Die() => _death.SetException(new InvalidOperationException("dead"));
    }
}
