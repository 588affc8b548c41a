using System.Threading.Channels;
using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using NSubstitute;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;
using Slipway.Kube.Writing;

namespace Slipway.Tests.Unit.Kube.Controllers;

/// <summary>From an event of one kind to the keys of another.</summary>
[Requirement("R10")]
public sealed class ControllerBuilderTests : IAsyncLifetime
{
    private readonly Channel<WatchEvent<V1Job>> _events = Channel.CreateUnbounded<WatchEvent<V1Job>>();
    private readonly Channel<string> _woken = Channel.CreateUnbounded<string>();
    private readonly CancellationTokenSource _stop = new();
    private readonly ServiceProvider _services;
    private Task _run = Task.CompletedTask;

    public ControllerBuilderTests()
    {
        var client = Substitute.For<IKubeClient>();
        client.ListPageAsync<V1Job>(null!, default).ReturnsForAnyArgs(new ListPage<V1Job>([], "1", null, []));
        client.WatchAsync<V1Job>(null!, default).ReturnsForAnyArgs(_ => _events.Reader.ReadAllAsync(_stop.Token));
        var services = new ServiceCollection();
        services.AddLogging().AddSingleton<TimeProvider>(new TestClock()).AddSingleton(client);
        services.AddKubernetesOperator().AddInformer<V1Job>()
            .AddInformer<Widget>().AddIndex<Widget>("colour", widget => widget.Spec.Colour is { } colour ? [colour] : []);
        _services = services.BuildServiceProvider();
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.Soon();
        await _services.DisposeAsync();
        _stop.Dispose();
    }

    [Fact]
    public async Task Owns_WhenAChildChangesHands_WakesBothInTheChildsNamespace()
    {
        Start(new ControllerBuilder<Widget>().Owns<V1Job>());
        Send(WatchEventKind.Added, Child("11", "a"));
        (await WokenAsync()).ShouldBe("ns/a");
        Send(WatchEventKind.Modified, Child("12", "b"));
        new[] { await WokenAsync(), await WokenAsync() }.ShouldBe(["ns/a", "ns/b"]);
        Send(WatchEventKind.Deleted, Child("13", "b"));
        (await WokenAsync()).ShouldBe("ns/b");
    }

    [Fact]
    public async Task Watches_WhenTheMapGivesAKeyTwice_WakesItOnce()
    {
        Start(new ControllerBuilder<Widget>().Watches<V1Job>(_ => (_, now) => [new("ns", "x"), new("ns", "x"), new("ns", now!.Metadata.ResourceVersion)]));
        Send(WatchEventKind.Added, Child("11", "a"));
        new[] { await WokenAsync(), await WokenAsync() }.ShouldBe(["ns/x", "ns/11"]);
    }

    [Fact]
    public async Task Watches_WhenTheMapAsksAnIndex_WakesWhatStandsUnderTheKey()
    {
        var store = _services.GetRequiredService<Store<Widget>>();
        foreach (var (name, colour) in new[] { ("a", "red"), ("b", "blue"), ("c", "red") })
        {
            store.Put(store.Prepare(Widget.Named(name) with { Spec = new WidgetSpec { Colour = colour } }));
        }

        Start(new ControllerBuilder<Widget>().Watches<V1Job>(provider =>
        {
            var widgets = provider.GetRequiredService<IStore<Widget>>();
            return (_, _) => widgets.ByIndex("colour", "red").Select(widget => NamespacedName.Of(widget));
        }));
        Send(WatchEventKind.Added, Child("11", "a"));
        new[] { await WokenAsync(), await WokenAsync() }.ShouldBe(["ns/a", "ns/c"], ignoreOrder: true);
    }

    private void Start(ControllerBuilder<Widget> controller)
    {
        foreach (var source in controller.Sources)
        {
            source(_services, key => _woken.Writer.TryWrite($"{key}"));
        }

        _run = _services.GetRequiredService<Informer<V1Job>>().RunAsync(_stop.Token);
    }

    private void Send(WatchEventKind kind, V1Job job) => _events.Writer.TryWrite(new WatchEvent<V1Job>(kind, job.Metadata.ResourceVersion, job));

    private async Task<string> WokenAsync() => await _woken.Reader.ReadAsync(TestContext.Current.CancellationToken).Soon();

    private static V1Job Child(string version, string owner) => new()
    {
        Metadata = new V1ObjectMeta
        {
            Name = "child",
            NamespaceProperty = "ns",
            Uid = "uid-child",
            ResourceVersion = version,
            OwnerReferences = [OwnerReferences.ControlledBy(Widget.Named(owner, @namespace: "elsewhere"))],
        },
    };
}
