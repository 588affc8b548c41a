using System.Threading.Channels;
using k8s;
using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using NSubstitute;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;
using Slipway.Tests.Unit.Kube;

namespace Slipway.Tests.Unit.Builds;

public sealed class BuildsRegistrationTests
{
    // A pool that comes or changes wakes by the index of its builds: a thousand finished ones cost nothing.
    [Requirement("R10")]
    [Fact]
    public async Task PoolEvent_WhenBuildsWaitForThatPool_WakesThoseAndNoOthers()
    {
        using var stop = new CancellationTokenSource();
        var events = Channel.CreateUnbounded<WatchEvent<V1Alpha1BuilderPool>>();
        await using var services = Services<V1Alpha1BuilderPool>([], events.Reader.ReadAllAsync(stop.Token));
        var woken = Channel.CreateUnbounded<string>();
        var worker = services.GetRequiredService<ControllerWorker<V1Alpha1ImageBuild>>();
        worker.Observer = (key, _, _) => woken.Writer.TryWrite(key.Name);
        worker.Connect(services);
        var builds = services.GetRequiredService<Store<V1Alpha1ImageBuild>>();
        foreach (var build in new[] { Build("done", "farm", completed: true), Build("waiting", "farm"), Build("elsewhere", "other") })
        {
            builds.Put(builds.Prepare(build));
        }

        var running = Task.WhenAll(worker.RunAsync(stop.Token), services.GetRequiredService<Informer<V1Alpha1BuilderPool>>().RunAsync(stop.Token));
        foreach (var pool in new[] { "farm", "other" })
        {
            await events.Writer.WriteAsync(new WatchEvent<V1Alpha1BuilderPool>(WatchEventKind.Added, "2", Pool(pool)), stop.Token);
        }

        // There is one worker: what the first event wakes comes before what the second does.
        new[] { await woken.Reader.ReadAsync(stop.Token).Soon(), await woken.Reader.ReadAsync(stop.Token).Soon() }.ShouldBe(["waiting", "elsewhere"]);
        worker.ShutDown();
        await stop.CancelAsync();
        await running.Soon();
    }

    // A newer build may be gone when an older one comes to publish: it hears of the tags at once.
    [Fact]
    public async Task BuildEvent_WhenItHasPutTags_WakesOlderBuildsOfThoseTagsAndNoOthers()
    {
        using var stop = new CancellationTokenSource();
        var events = Channel.CreateUnbounded<WatchEvent<V1Alpha1ImageBuild>>();
        var builds = new[] { Asked("older", 0), Asked("newer", 60), Asked("newest", 120), Asked("elsewhere", 0, tag: "other") };
        await using var services = Services(builds, events.Reader.ReadAllAsync(stop.Token));
        var woken = Channel.CreateUnbounded<string>();
        var worker = services.GetRequiredService<ControllerWorker<V1Alpha1ImageBuild>>();
        worker.Observer = (key, _, _) => woken.Writer.TryWrite(key.Name);
        worker.Connect(services);
        var running = Task.WhenAll(worker.RunAsync(stop.Token), services.GetRequiredService<Informer<V1Alpha1ImageBuild>>().RunAsync(stop.Token));
        foreach (var _ in builds) await woken.Reader.ReadAsync(stop.Token).Soon();

        var ended = builds[1] with { Metadata = builds[1].Metadata with { ResourceVersion = "2" }, Status = builds[1].Status! with { Phase = Phases.Succeeded } };
        await events.Writer.WriteAsync(new WatchEvent<V1Alpha1ImageBuild>(WatchEventKind.Modified, "2", ended), stop.Token);
        var edited = builds[3] with { Metadata = builds[3].Metadata with { ResourceVersion = "3", Generation = 2 } };
        await events.Writer.WriteAsync(new WatchEvent<V1Alpha1ImageBuild>(WatchEventKind.Modified, "3", edited), stop.Token);

        // There is one worker: what the first event wakes comes before what the second does.
        new[] { await woken.Reader.ReadAsync(stop.Token).Soon(), await woken.Reader.ReadAsync(stop.Token).Soon() }.ShouldBe(["older", "elsewhere"]);
        worker.ShutDown();
        await stop.CancelAsync();
        await running.Soon();
    }

    private static V1Alpha1ImageBuild Asked(string name, int seconds, string tag = "latest")
    {
        var build = Build(name, "farm");
        (build.Metadata.Uid, build.Metadata.ResourceVersion) = (name, "1");
        return build with
        {
            Spec = build.Spec with { Output = build.Spec.Output with { Tags = [tag] } },
            Status = new ImageBuildStatus { Phase = Phases.Queued, RequestedAt = BuildFixture.Now.UtcDateTime.AddSeconds(seconds) },
        };
    }

    private static V1Alpha1BuilderPool Pool(string name)
    {
        var pool = BuildFixture.Pool();
        (pool.Metadata.Name, pool.Metadata.ResourceVersion) = (name, "2");
        return pool;
    }

    private static V1Alpha1ImageBuild Build(string name, string pool, bool completed = false)
    {
        var build = BuildFixture.Build();
        build.Metadata.Name = name;
        return build with
        {
            Spec = build.Spec with { PoolRef = new PoolReference { Name = pool, Namespace = "builders" } },
            Status = new ImageBuildStatus { CompletedAt = completed ? BuildFixture.Now.UtcDateTime : null },
        };
    }

    /// <summary>Without a scheduler no pass gets far, and none has to.</summary>
    private static ServiceProvider Services<T>(IReadOnlyList<T> listed, IAsyncEnumerable<WatchEvent<T>> events)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var client = Substitute.For<IKubeClient>();
        client.ListPageAsync<T>(null!, default).ReturnsForAnyArgs(new ListPage<T>(listed, "1", null, []));
        client.WatchAsync<T>(null!, default).ReturnsForAnyArgs(events);
        var services = new ServiceCollection();
        services.AddLogging().AddSingleton<TimeProvider>(new TestClock()).AddSingleton(client);
        services.AddKubernetesOperator(options => options.Workers = 1)
            .AddInformer<V1Pod>().AddInformer<V1Job>().AddInformer<V1Alpha1BuilderPool>().AddBuilds(BuildFixture.Options);
        return services.BuildServiceProvider();
    }
}
