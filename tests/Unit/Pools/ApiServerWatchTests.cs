using System.Threading.Channels;
using k8s;
using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using NSubstitute;
using Slipway.Api;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;
using Slipway.Pools;
using Slipway.Tests.Unit.Kube;

namespace Slipway.Tests.Unit.Pools;

public sealed class ApiServerWatchTests : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<string> _woken = Channel.CreateUnbounded<string>();

    public void Dispose() => _stop.Dispose();

    [Fact]
    public Task Slices_WhenAddressesChange_WakeEveryPool() => ShouldWakeEveryPoolAsync(new Version(1, 21), "kubernetes.io/service-name=kubernetes", Slice);

    [Fact]
    public Task Endpoints_WhenAddressesChangeOnAnOldServer_WakeEveryPool() => ShouldWakeEveryPoolAsync(new Version(1, 20), null, Endpoints);

    [Fact]
    public void Addresses_WhenRead_AreThoseOfTheServiceReadyOrNot()
    {
        var unready = Endpoints("1", "198.51.100.7");
        unready.Subsets[0].NotReadyAddresses = [new V1EndpointAddress { Ip = "198.51.100.8" }];
        var others = Endpoints("1", "10.1.0.3");
        others.Metadata.Name = "shop";

        ApiServerWatch.Of([Slice("1", "198.51.100.7"), Slice("1", "2001:db8::7")]).ShouldBe(["198.51.100.7", "2001:db8::7"]);
        ApiServerWatch.Of([unready, others]).ShouldBe(["198.51.100.7", "198.51.100.8"]);
    }

    [Fact]
    public void Addresses_WhenThereAreNone_AreEmpty()
    {
        ApiServerWatch.Of([new V1EndpointSlice { AddressType = "IPv4" }]).ShouldBeEmpty();
        ApiServerWatch.Of([new V1Endpoints { Metadata = new V1ObjectMeta { Name = "kubernetes" } }]).ShouldBeEmpty();
    }

    private async Task ShouldWakeEveryPoolAsync<T>(Version server, string? labels, Func<string, string, T> entity)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var events = Channel.CreateUnbounded<WatchEvent<T>>();
        var client = Substitute.For<IKubeClient>();
        client.ListPageAsync<T>(null!, default).ReturnsForAnyArgs(new ListPage<T>([entity("1", "198.51.100.7")], "1", null, []));
        client.WatchAsync<T>(null!, default).ReturnsForAnyArgs(_ => events.Reader.ReadAllAsync(_stop.Token));
        await using var services = Services(client, server);
        var pools = services.GetRequiredService<Store<V1Alpha1BuilderPool>>();
        foreach (var name in new[] { "farm", "other" }) pools.Put(pools.Prepare(Named(name)));
        foreach (var source in new ControllerBuilder<V1Alpha1BuilderPool>().WatchesApiServer(new PoolOptions { ServerVersion = server }).Sources)
            source(services, key => _woken.Writer.TryWrite(key.Name));

        var run = services.GetRequiredService<Informer<T>>().RunAsync(_stop.Token);
        (await WokenAsync(2)).ShouldBe(["farm", "other"], ignoreOrder: true);
        services.GetRequiredService<ApiServerAddresses>()().ShouldBe(["198.51.100.7"]);
        events.Writer.TryWrite(new WatchEvent<T>(WatchEventKind.Modified, "2", entity("2", "198.51.100.7")));
        events.Writer.TryWrite(new WatchEvent<T>(WatchEventKind.Modified, "3", entity("3", "198.51.100.9")));
        (await WokenAsync(2)).ShouldBe(["farm", "other"], ignoreOrder: true);
        services.GetRequiredService<ApiServerAddresses>()().ShouldBe(["198.51.100.9"], "the change between, which moved no address, woke nobody");
        await client.Received().ListPageAsync<T>(Arg.Is<ListQuery>(query => query.Namespace == "default" && query.LabelSelector == labels), Arg.Any<CancellationToken>());

        await _stop.CancelAsync();
        await run.Soon();
        _woken.Reader.TryRead(out _).ShouldBeFalse();
    }

    private async Task<string[]> WokenAsync(int count)
    {
        var names = new string[count];
        for (var i = 0; i < count; i++) names[i] = await _woken.Reader.ReadAsync(TestContext.Current.CancellationToken).Soon();
        return names;
    }

    private static ServiceProvider Services(IKubeClient client, Version server)
    {
        var services = new ServiceCollection();
        services.AddLogging().AddSingleton<TimeProvider>(new TestClock()).AddSingleton(client);
        services.AddKubernetesOperator().AddInformer<V1Alpha1BuilderPool>().AddApiServerAddresses(new PoolOptions { ServerVersion = server });
        return services.BuildServiceProvider();
    }

    private static V1Alpha1BuilderPool Named(string name)
    {
        var pool = PoolWorld.Pool();
        pool.Metadata.Name = name;
        return pool;
    }

    private static V1ObjectMeta Metadata(string version) => new() { Name = "kubernetes", NamespaceProperty = "default", Uid = "u", ResourceVersion = version };

    private static V1EndpointSlice Slice(string version, string address) =>
        new() { Metadata = Metadata(version), AddressType = "IPv4", Endpoints = [new V1Endpoint { Addresses = [address] }] };

    private static V1Endpoints Endpoints(string version, string address) =>
        new() { Metadata = Metadata(version), Subsets = [new V1EndpointSubset { Addresses = [new V1EndpointAddress { Ip = address }] }] };
}
