using System.Threading.Channels;
using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using NSubstitute;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;
using Slipway.Pki;
using Slipway.Pools;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Pools;

public class PoolsRegistrationTests
{
    [Requirement("R8")]
    [Fact]
    public void AddPools_WhenTheRestIsThere_LetsTheControllerBeMade()
    {
        using var provider = Services().BuildServiceProvider(new ServiceProviderOptions { ValidateScopes = true });
        using var scope = provider.CreateScope();

        scope.ServiceProvider.GetRequiredService<BuilderPoolController>().ShouldNotBeNull();
        provider.GetRequiredService<IClientCertificates>().ShouldBeSameAs(provider.GetRequiredService<PoolAuthority>());
        provider.GetRequiredService<IStore<V1StatefulSet>>().ByIndex(PoolReader.PoolIndex, "builders/farm").ShouldBeEmpty();
    }

    [Requirement("R10")]
    [Fact]
    public async Task AddPools_WhenTheOperatorStarts_BeginsWithThePassThatNoPoolAsksFor()
    {
        using var provider = Services().BuildServiceProvider();
        var worker = provider.GetRequiredService<ControllerWorker<V1Alpha1BuilderPool>>();
        var passes = Channel.CreateUnbounded<NamespacedName>();
        worker.Observer = (key, _, _) => passes.Writer.TryWrite(key);
        worker.Connect(provider);

        var run = worker.RunAsync(CancellationToken.None);

        (await passes.Reader.ReadAsync(TestContext.Current.CancellationToken)).ShouldBe(AuthoritySweep.AtStart);
        worker.ShutDown();
        await run;
    }

    [Fact]
    public void PoolOf_WhenPodIsABuilder_IsItsPool()
    {
        var pool = PoolWorld.Pool();
        var pod = PoolWorld.Pod(PoolWorld.Live(pool, pool.Spec.Platforms[0]), 0);

        PoolLabels.PoolOf(pod).ShouldBe([new NamespacedName("builders", "farm")]);
    }

    [Requirement("R10")]
    [Fact]
    public void PoolOf_WhenPodIsABuildsJob_IsNone()
    {
        // Its namespace is the build's: a pool of that name there has nothing to do with it.
        var pod = new V1Pod { Metadata = Metadata(SlipwayApi.BuildComponent) };

        PoolLabels.PoolOf(pod).ShouldBeEmpty();
        PoolLabels.PoolOf(new V1Job { Metadata = Metadata(SlipwayApi.BuildComponent) }).ShouldBe([new NamespacedName("builders", "farm")]);
    }

    private static V1ObjectMeta Metadata(string component) => new()
    {
        Name = "app-1",
        NamespaceProperty = "team-a",
        Labels = new Dictionary<string, string>
        {
            [SlipwayApi.ComponentLabel] = component,
            [SlipwayApi.PoolLabel] = "farm",
            [SlipwayApi.PoolNamespaceLabel] = "builders",
        },
    };

    private static ServiceCollection Services()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton<IKubeClient>(new FakeCluster());
        services.AddSingleton<PoolValidation>(_ => []);
        services.AddSingleton(PoolWorld.Jobs);
        services.AddSingleton(Substitute.For<IReconcileTrigger<V1Alpha1ImageBuild>>());
        services.AddScheduling();
        services.AddKubernetesOperator().AddInformer<V1Pod>().AddInformer<V1Job>().AddPools(new PoolOptions(), new PkiOptions { OperatorNamespace = "slipway-system" });
        return services;
    }
}
