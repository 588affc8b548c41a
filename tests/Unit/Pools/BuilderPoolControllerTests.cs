using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Controllers;
using Slipway.Kube.Events;
using Slipway.Kube.Telemetry;
using Slipway.Kube.Writing;
using Slipway.Pki;
using Slipway.Pools;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Pools;

public class BuilderPoolControllerTests
{
    private const string Set = "builders/farm-linux-amd64";

    private readonly FakeCluster _cluster = new();
    private readonly FakeTimeProvider _time = new(PoolWorld.Now);
    private readonly RecordingLogger _log = new();
    private readonly OperatorMetrics _metrics = new();
    private readonly FakeStore<V1Alpha1BuilderPool> _pools;
    private readonly BuilderPoolController _controller;
    private readonly Queues _queues = new();
    private readonly IEventRecorder _events = Substitute.For<IEventRecorder>();
    private IReadOnlyList<string> _errors = [];
    private IReadOnlyList<string> _apiServer = [PoolWorld.ApiServer];

    public BuilderPoolControllerTests()
    {
        _pools = new FakeStore<V1Alpha1BuilderPool>(_cluster);
        var authority = new PoolAuthority(_cluster, new PkiOptions { OperatorNamespace = "slipway-system" }, _time);
        var observer = new PoolObserver(
            new FakeStore<V1StatefulSet>(_cluster, IsOurs, item => PoolLabels.PoolOf(item).Select(pool => pool.ToString())), new FakeStore<V1Service>(_cluster, IsOurs),
            new FakeStore<V1ConfigMap>(_cluster, IsOurs), new FakeStore<V1NetworkPolicy>(_cluster, IsOurs), new FakeStore<V1Pod>(_cluster, IsOurs, item => PoolLabels.PoolOf(item).Select(pool => pool.ToString())),
            () => _apiServer, _queues, new PoolOptions(), _ => _errors, _time);
        _controller = new BuilderPoolController(
            observer, authority, new AuthoritySweep(authority, _pools), _cluster, new Applier(_cluster, new OperatorOptions()), new StatusWriter(_cluster), Substitute.For<IPoolWatcher>(), new FarmMetrics(_metrics), _events, _log);
        _cluster.Put(PoolWorld.Pool());
    }

    [Fact]
    public async Task Reconcile_WhenPoolIsNew_MakesCertificateBeforeWhatMountsIt()
    {
        await ReconcileAsync();

        Writes().ShouldBe(
        [
            $"CREATE Secret slipway-system/{ChildNames.PoolAuthority(PoolWorld.PoolUid)}",
            $"CREATE Secret {SecretKey()}",
            "APPLY NetworkPolicy builders/farm", $"APPLY Service {Set}", $"APPLY ConfigMap {Set}-config", $"APPLY StatefulSet {Set}",
            "STATUS BuilderPool builders/farm",
        ]);
        var secret = _cluster.Find<V1Secret>(SecretKey())!;
        secret.Immutable.ShouldBe(true);
        secret.Data.Keys.ShouldBe(["ca.crt", "tls.crt", "tls.key"], ignoreOrder: true);
        secret.Metadata.OwnerReferences.ShouldHaveSingleItem().Uid.ShouldBe(PoolWorld.PoolUid);
    }

    [Requirement("R17")]
    [Requirement("R18")]
    [Fact]
    public async Task Reconcile_WhenNothingChanged_MakesNoCallAtAll()
    {
        await ReconcileAsync();
        await ReconcileAsync();
        _cluster.Calls.Clear();

        await ReconcileAsync();

        _cluster.Calls.ShouldBeEmpty();
    }

    [Requirement("R17")]
    [Fact]
    public async Task Reconcile_WhenSomebodyChangedAChild_PutsItRight()
    {
        await ReconcileAsync();
        var drifted = _cluster.Find<V1ConfigMap>(new NamespacedName("builders", "farm-linux-amd64-config"))!;
        drifted.Data.Clear();
        _cluster.Put(drifted);
        _cluster.Calls.Clear();

        await ReconcileAsync();

        Writes().ShouldContain($"APPLY ConfigMap {Set}-config");
        _cluster.Find<V1ConfigMap>(NamespacedName.Of(drifted))!.Data.ShouldNotBeEmpty();
    }

    [Theory]
    [InlineData("StatefulSet")]
    [InlineData("Service")]
    [InlineData("ConfigMap")]
    [InlineData("NetworkPolicy")]
    public async Task Reconcile_WhenObjectWithoutOurLabelHasTheName_IsNeitherAdoptedNorChanged(string kind)
    {
        PutForeign(kind);
        _cluster.Calls.Clear();

        var result = await ReconcileAsync();

        Writes().ShouldBe(["STATUS BuilderPool builders/farm"]);
        Pool().Status!.Of("Stalled")!.Reason.ShouldBe("NameTaken");
        Pool().Status!.Of("Stalled")!.Message.ShouldStartWith(kind);
        result.RequeueAfter.ShouldBe(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Reconcile_WhenForeignObjectIsGone_GoesOn()
    {
        PutForeign("StatefulSet");
        await ReconcileAsync();
        _cluster.Remove<V1StatefulSet>(new NamespacedName("builders", "farm-linux-amd64"));

        await ReconcileAsync();

        Pool().Status!.Of("Stalled").ShouldBeNull();
        _cluster.All<V1StatefulSet>().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Reconcile_WhenAPassWasInterruptedAfterTheCertificate_ReplacesWhatNobodyCanRead()
    {
        _cluster.OnCall = call => { if (call.StartsWith("APPLY", StringComparison.Ordinal)) throw new HttpRequestException("gone"); };
        await Should.ThrowAsync<HttpRequestException>(ReconcileAsync);
        var first = _cluster.Find<V1Secret>(SecretKey())!.Data["tls.key"];
        _cluster.OnCall = null;
        _cluster.Calls.Clear();

        await ReconcileAsync();

        Writes().Take(3).ShouldBe([$"CREATE Secret {SecretKey()}", $"DELETE Secret {SecretKey()}", $"CREATE Secret {SecretKey()}"]);
        _cluster.Find<V1Secret>(SecretKey())!.Data["tls.key"].ShouldNotBe(first);
        _cluster.All<V1Secret>().Count(secret => secret.Metadata.NamespaceProperty == "builders").ShouldBe(1);
    }

    [Fact]
    public async Task Reconcile_WhenItTouchesSecretsOfOthers_OnlyCreatesAndDeletes()
    {
        await ReconcileAsync();
        _time.Advance(Certificates.ServerLifetime);
        await ReconcileAsync();

        _cluster.Calls.Where(call => call.Contains("Secret builders/", StringComparison.Ordinal)).Select(call => call.Split(' ')[0]).Distinct()
            .ShouldBeSubsetOf(["CREATE", "DELETE"]);
    }

    [Fact]
    public async Task Reconcile_WhenItWritesStatusAndLog_NeitherHoldsAKey()
    {
        await ReconcileAsync();

        _log.Lines.ShouldNotBeEmpty();
        (string.Join("\n", _log.Lines) + KubernetesJson.Serialize(Pool())).ShouldNotContain("PRIVATE KEY");
    }

    [Fact]
    public async Task Reconcile_WhenSpecIsInvalid_StallsWithTheErrors()
    {
        _errors = ["spec.image has spaces."];

        await ReconcileAsync();

        Writes().ShouldBe(["STATUS BuilderPool builders/farm"]);
        Pool().Status!.Of("Stalled")!.Message.ShouldBe("spec.image has spaces.");
    }

    [Fact]
    public async Task Reconcile_WhenPoolIsBeingDeleted_MakesNothing()
    {
        var pool = Pool();
        pool.Metadata.DeletionTimestamp = PoolWorld.Now.UtcDateTime;

        await _controller.ReconcileAsync(pool, TestContext.Current.CancellationToken);

        _cluster.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task Deleted_WhenPoolIsGone_LeavesNoAuthorityOfItBehind()
    {
        await ReconcileAsync();
        _cluster.Remove<V1Alpha1BuilderPool>(new NamespacedName("builders", "farm"));

        await _controller.DeletedAsync(new NamespacedName("builders", "farm"), TestContext.Current.CancellationToken);

        _cluster.All<V1Secret>().ShouldNotContain(secret => secret.Metadata.NamespaceProperty == "slipway-system");
    }

    // The operator died after the last pool was gone and before it swept.
    [Fact]
    public async Task Deleted_WhenItIsTheStartsPassAndNoPoolIsLeft_LeavesNoAuthorityBehind()
    {
        _cluster.Remove<V1Alpha1BuilderPool>(new NamespacedName("builders", "farm"));
        _cluster.Put(PkiObjects.Authority(PoolWorld.Pool(), Certificates.Authority("x", "0011", PoolWorld.Now), "slipway-system"));

        await _controller.DeletedAsync(AuthoritySweep.AtStart, TestContext.Current.CancellationToken);

        _cluster.All<V1Secret>().ShouldBeEmpty();
    }

    // Its pods and Jobs go one after the other, and each of them wakes the key once more.
    [Fact]
    public async Task Deleted_WhenWhatIsLeftOfThePoolWakesItsKey_ListsNoAuthorities()
    {
        await ReconcileAsync();
        _cluster.Remove<V1Alpha1BuilderPool>(new NamespacedName("builders", "farm"));
        await _controller.DeletedAsync(new NamespacedName("builders", "farm"), TestContext.Current.CancellationToken);
        _cluster.Calls.Clear();

        await _controller.DeletedAsync(new NamespacedName("builders", "farm"), TestContext.Current.CancellationToken);

        _cluster.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task Deleted_WhenStoreHasNotSynced_DeletesNoAuthority()
    {
        await ReconcileAsync();
        _pools.HasSynced = false;
        _cluster.Remove<V1Alpha1BuilderPool>(new NamespacedName("builders", "farm"));

        await _controller.DeletedAsync(new NamespacedName("builders", "farm"), TestContext.Current.CancellationToken);

        _cluster.All<V1Secret>().ShouldContain(secret => secret.Metadata.NamespaceProperty == "slipway-system");
    }

    [Fact]
    public async Task Reconcile_WhenPlatformLeavesThePool_TakesItsObjectsAway()
    {
        await ReconcileAsync();
        var pool = Pool();
        _cluster.Put(pool with { Spec = pool.Spec with { Platforms = [PoolWorld.Platform("linux/arm64")] } });

        await ReconcileAsync();

        _cluster.All<V1StatefulSet>().ShouldHaveSingleItem().Metadata.Name.ShouldBe("farm-linux-arm64");
        _cluster.All<V1Service>().ShouldHaveSingleItem();
        _cluster.All<V1ConfigMap>().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Reconcile_WhenPlatformLeavesThePoolWithABuildOnIt_WaitsForTheBuild()
    {
        await ReconcileAsync();
        var set = _cluster.All<V1StatefulSet>().Single();
        _cluster.Put(PoolWorld.Pod(set, 0));
        var pool = Pool();
        _cluster.Put(pool with { Spec = pool.Spec with { Platforms = [PoolWorld.Platform("linux/arm64")] } });
        _queues.Counts = PoolWorld.Busy("linux/amd64", $"uid-of-{set.Metadata.Name}-0", 1);

        var result = await ReconcileAsync();

        _cluster.All<V1StatefulSet>().Count.ShouldBe(2);
        result.RequeueAfter.ShouldBe(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Reconcile_WhenAPlatformIsNone_StallsInsteadOfFailing()
    {
        var pool = Pool();
        _cluster.Put(pool with { Spec = pool.Spec with { Platforms = [PoolWorld.Platform("amd64")] } });
        _errors = ["spec.platforms[0].platform must be os/architecture."];

        await ReconcileAsync();

        Pool().Status!.Of("Stalled")!.Reason.ShouldBe("Invalid");
    }

    [Fact]
    public async Task Reconcile_WhenThePoolWantsNoNetworkPolicyAnyMore_DeletesItsOwn()
    {
        await ReconcileAsync();
        _cluster.Put(WithoutPolicy());

        await ReconcileAsync();
        await ReconcileAsync();

        Writes().Count(call => call == "DELETE NetworkPolicy builders/farm").ShouldBe(1);
        _cluster.All<V1NetworkPolicy>().ShouldBeEmpty();
    }

    [Fact]
    public async Task Reconcile_WhenThePoolWantsNoNetworkPolicy_LeavesOneOfThatNameThatIsNotItsOwn()
    {
        PutForeign("NetworkPolicy");
        _cluster.Put(WithoutPolicy());

        await ReconcileAsync();

        Writes().ShouldNotContain(call => call.Contains("NetworkPolicy", StringComparison.Ordinal));
        Pool().Status!.Of("Stalled").ShouldBeNull();
    }

    [Fact]
    public async Task Reconcile_WhenTheApiServersAddressesAreNotKnown_StartsNoBuilderWithoutAPolicy()
    {
        _apiServer = [];

        await ReconcileAsync();

        Writes().ShouldBe(["STATUS BuilderPool builders/farm"]);
        Pool().Status!.Of("Reconciling")!.Reason.ShouldBe("ApiServerUnknown");
    }

    [Fact]
    public async Task Reconcile_WhenTheApiServersAddressesAreLost_KeepsThePolicyAndGoesOn()
    {
        await ReconcileAsync();
        var policy = _cluster.All<V1NetworkPolicy>().Single().Metadata.ResourceVersion;
        _apiServer = [];

        await ReconcileAsync();

        _cluster.All<V1NetworkPolicy>().Single().Metadata.ResourceVersion.ShouldBe(policy);
        Pool().Status!.Of("Reconciling")!.Reason.ShouldBe("BuildersStarting");
    }

    [Fact]
    public async Task Reconcile_WhenTheApiServerMoves_KeepsBuildersFromWhereItIsNow()
    {
        await ReconcileAsync();
        _apiServer = ["198.51.100.9"];

        await ReconcileAsync();

        _cluster.All<V1NetworkPolicy>().Single().Spec.Egress[0].To[0].IpBlock.Except.ShouldBe(["169.254.0.0/16", "198.51.100.9/32"]);
    }

    [Fact]
    public async Task Metrics_WhenThePoolComesAndGoes_ComeAndGoWithIt()
    {
        await ReconcileAsync();
        (await MetricsAsync()).ShouldContain("slipway_builders{namespace=\"builders\",pool=\"farm\",platform=\"linux/amd64\",state=\"Ready\"} 0");

        await _controller.DeletedAsync(new NamespacedName("builders", "farm"), TestContext.Current.CancellationToken);

        (await MetricsAsync()).ShouldNotContain("pool=\"farm\"");
    }

    private async Task<string> MetricsAsync()
    {
        using var stream = new MemoryStream();
        await _metrics.Registry.CollectAndExportAsTextAsync(stream, TestContext.Current.CancellationToken);
        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }

    private V1Alpha1BuilderPool WithoutPolicy() => Pool() with { Spec = Pool().Spec with { NetworkPolicy = new PoolNetworkPolicy { Mode = "None" } } };

    private Task<ReconciliationResult<V1Alpha1BuilderPool>> ReconcileAsync() =>
        _controller.ReconcileAsync(Pool(), TestContext.Current.CancellationToken);

    private V1Alpha1BuilderPool Pool() => _cluster.Find<V1Alpha1BuilderPool>(new NamespacedName("builders", "farm"))!;

    private static NamespacedName SecretKey() =>
        new("builders", ChildNames.ServerCertificate("farm-linux-amd64", ChildNames.Hash($"{PoolWorld.PoolUid}/farm-linux-amd64/", 16)));

    private List<string> Writes() => [.. _cluster.Calls.Where(call => call.Split(' ')[0] is not ("GET" or "LIST"))];

    private void PutForeign(string kind)
    {
        var metadata = new V1ObjectMeta { Name = kind == "ConfigMap" ? "farm-linux-amd64-config" : "farm-linux-amd64", NamespaceProperty = "builders" };
        switch (kind)
        {
            case "StatefulSet": _cluster.Put(new V1StatefulSet { Metadata = metadata }); break;
            case "NetworkPolicy": _cluster.Put(new V1NetworkPolicy { Metadata = new V1ObjectMeta { Name = "farm", NamespaceProperty = "builders" } }); break;
            case "Service": _cluster.Put(new V1Service { Metadata = metadata }); break;
            default: _cluster.Put(new V1ConfigMap { Metadata = metadata }); break;
        }
    }

    private static bool IsOurs(IMetadata<V1ObjectMeta> entity) =>
        entity.Metadata.Labels is { } labels && labels.TryGetValue(SlipwayApi.ManagedByLabel, out var manager) && manager == SlipwayApi.ManagedBy;

    private sealed class Queues : IQueueCounters
    {
        public Dictionary<string, QueueCount> Counts { get; set; } = [];

        public QueueCount Of(NamespacedName pool, string platform)
        {
            Platform.TryParse(platform, out _).ShouldBeTrue("the scheduler reads it as a platform");
            return Counts.GetValueOrDefault(platform, QueueCount.None);
        }
    }

    private sealed class RecordingLogger : ILogger<BuilderPoolController>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));
    }
}
