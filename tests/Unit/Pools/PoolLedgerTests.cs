using System.Net;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Slipway.Api;
using Slipway.Cache;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public sealed class PoolLedgerTests
{
    private static readonly NamespacedName Ledger = new("builders", "farm-cache-ledger");

    private readonly FakeCluster _cluster = new();
    private readonly FakeTimeProvider _time = new(PoolWorld.Now);
    private readonly IReconcileTrigger<V1Alpha1BuilderPool> _trigger = Substitute.For<IReconcileTrigger<V1Alpha1BuilderPool>>();
    private readonly V1Alpha1BuilderPool _pool;
    private readonly PoolLedger _ledger;

    public PoolLedgerTests()
    {
        var pool = PoolWorld.Pool();
        _pool = pool with { Spec = pool.Spec with { Cache = new PoolCache { Registry = new PoolRegistryCache { Repository = "r.example.com/cache" } } } };
        _cluster.Put(_pool);
        _ledger = new PoolLedger(new FakeStore<V1ConfigMap>(_cluster), new FakeStore<V1Alpha1BuilderPool>(_cluster), _cluster, _trigger, _time, NullLogger<PoolLedger>.Instance);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private CacheUse Use(string scope) => new(Name(scope), "team-a", scope, "linux/amd64", _time.GetUtcNow());

    private static string Name(string scope) => CacheNames.Name("team-a", scope, new Platform("linux", "amd64"));

    [Fact]
    public async Task Write_OfManyNotes_IsOneConfigMapOfThePools()
    {
        foreach (var name in new[] { "a", "b", "c" }) _ledger.Record(_pool, Use(name));
        _trigger.Received(3).Enqueue(NamespacedName.Of(_pool));

        await WriteAsync();

        var map = _cluster.Find<V1ConfigMap>(Ledger)!;
        map.Data.Keys.ShouldBe([Name("a"), Name("b"), Name("c")], ignoreOrder: true);
        map.Metadata.OwnerReferences.ShouldHaveSingleItem().Uid.ShouldBe(PoolWorld.PoolUid);
        _ledger.Find(NamespacedName.Of(_pool), Name("b"))!.LastUsed.ShouldBe(PoolWorld.Now);
    }

    [Fact]
    public async Task Record_OfWhatSaysNothingNew_WritesNothing()
    {
        _ledger.Record(_pool, Use("a"));
        await WriteAsync();
        var written = _cluster.Find<V1ConfigMap>(Ledger)!.Metadata.ResourceVersion;
        _time.Advance(TimeSpan.FromHours(1));

        _ledger.Record(_pool, Use("a"));

        (await WriteAsync()).ShouldBeNull();
        _cluster.Find<V1ConfigMap>(Ledger)!.Metadata.ResourceVersion.ShouldBe(written);
    }

    /// <summary>By an operator that has just come, and sees the Job of a build that ended long ago.</summary>
    [Fact]
    public void Record_OfAUseThatIsOver_IsNoNote()
    {
        var before = Use("a");
        _time.Advance(CacheTimes.DefaultTtl + TimeSpan.FromHours(6));

        _ledger.Record(_pool, before);

        _ledger.Find(NamespacedName.Of(_pool), before.Name).ShouldBeNull("its tag would be deleted once more");
    }

    [Fact]
    public async Task Write_WithinHalfAMinute_Waits()
    {
        _ledger.Record(_pool, Use("a"));
        await WriteAsync();
        _time.Advance(TimeSpan.FromSeconds(10));
        _ledger.Record(_pool, Use("b"));

        (await WriteAsync()).ShouldBe(TimeSpan.FromSeconds(20));
        _cluster.Find<V1ConfigMap>(Ledger)!.Data.ContainsKey(Name("b")).ShouldBeFalse();
        _ledger.Find(NamespacedName.Of(_pool), Name("b")).ShouldNotBeNull("it is known all the same");
        _time.Advance(TimeSpan.FromSeconds(20));
        await WriteAsync();
        _cluster.Find<V1ConfigMap>(Ledger)!.Data.ContainsKey(Name("b")).ShouldBeTrue();
    }

    /// <summary>Every pass asks for all of it.</summary>
    [Fact]
    public async Task Find_InOneVersionOfTheLedger_ParsesItOnce()
    {
        _ledger.Record(_pool, Use("a"));
        await WriteAsync();
        await WriteAsync();

        var first = _ledger.Find(NamespacedName.Of(_pool), Name("a")).ShouldNotBeNull();
        _ledger.Find(NamespacedName.Of(_pool), Name("a")).ShouldBeSameAs(first);
        _ledger.Read(NamespacedName.Of(_pool))[Name("a")].ShouldBeSameAs(first);
        var edited = _cluster.Find<V1ConfigMap>(Ledger)!;
        edited.Data[Name("a")] = CacheLedger.Write(first with { Ratio = "0.50" });
        _cluster.Put(edited);
        _ledger.Find(NamespacedName.Of(_pool), Name("a"))!.Ratio.ShouldBe("0.50");
    }

    [Fact]
    public async Task Write_OfWhatIsGone_TakesItOut()
    {
        _ledger.Record(_pool, Use("a"));
        _ledger.Record(_pool, Use("b"));
        await WriteAsync();
        _time.Advance(TimeSpan.FromMinutes(1));

        await _ledger.WriteAsync(_pool, [Name("a"), "never-there"], Token);

        _cluster.Find<V1ConfigMap>(Ledger)!.Data.Keys.ShouldBe([Name("b")]);
        _ledger.Read(NamespacedName.Of(_pool)).Keys.ShouldBe([Name("b")]);
    }

    [Fact]
    public async Task Write_WhereTheNameIsSomebodyElses_LeavesIt()
    {
        var foreign = new V1ConfigMap { ApiVersion = "v1", Kind = "ConfigMap", Metadata = new V1ObjectMeta { Name = Ledger.Name, NamespaceProperty = Ledger.Namespace }, Data = new Dictionary<string, string> { ["mine"] = "1" } };
        _cluster.Put(foreign);
        var ledger = new PoolLedger(new FakeStore<V1ConfigMap>(_cluster, map => map.Metadata.Labels is not null), new FakeStore<V1Alpha1BuilderPool>(_cluster), _cluster, _trigger, _time, NullLogger<PoolLedger>.Instance);
        ledger.Record(_pool, Use("a"));

        await ledger.WriteAsync(_pool, [], Token);

        _cluster.Find<V1ConfigMap>(Ledger)!.Data.Keys.ShouldBe(["mine"]);
    }

    /// <summary>A ConfigMap can be edited by people.</summary>
    [Fact]
    public async Task Read_OfAnEntryThatIsNone_PassesItOver()
    {
        _ledger.Record(_pool, Use("a"));
        await WriteAsync();
        var map = _cluster.Find<V1ConfigMap>(Ledger)!;
        map.Data[Name("b")] = "by hand";
        map.Data["latest"] = map.Data[Name("a")];
        _cluster.Put(map);

        _ledger.Read(NamespacedName.Of(_pool)).Keys.ShouldBe([Name("a")]);
        _ledger.Find(NamespacedName.Of(_pool), Name("b")).ShouldBeNull();
    }

    /// <summary>Every entry would stay as long as a pool of that name is there, and none of them is its.</summary>
    [Fact]
    public async Task Read_OfALedgerOfThePoolBefore_IsEmpty()
    {
        _ledger.Record(_pool, Use("a"));
        await WriteAsync();
        _cluster.Put(_pool with { Metadata = new V1ObjectMeta { Name = "farm", NamespaceProperty = "builders", Uid = "made-anew" } });
        var next = new PoolLedger(new FakeStore<V1ConfigMap>(_cluster), new FakeStore<V1Alpha1BuilderPool>(_cluster), _cluster, _trigger, _time, NullLogger<PoolLedger>.Instance);

        next.Read(NamespacedName.Of(_pool)).ShouldBeEmpty();
    }

    /// <summary>What a build could name at will would fill it otherwise.</summary>
    [Fact]
    public void Record_OfAnothersCacheThatNobodyHasWritten_IsNoNote()
    {
        _ledger.Record(_pool, Use("a") with { OfAnother = true });
        _ledger.Read(NamespacedName.Of(_pool)).ShouldBeEmpty();

        _ledger.Record(_pool, Use("a"));
        _time.Advance(TimeSpan.FromHours(7));
        _ledger.Record(_pool, Use("a") with { OfAnother = true });
        _ledger.Find(NamespacedName.Of(_pool), Name("a"))!.LastUsed.ShouldBe(_time.GetUtcNow(), "its time begins anew all the same");
    }

    /// <summary>Too large, or forbidden: the pool has builders to look after.</summary>
    [Fact]
    public async Task Write_ThatTheApiServerRefuses_FailsNoPassAndIsTriedAgainInAnHour()
    {
        _cluster.OnCall = _ => throw new KubeApiException(HttpStatusCode.Forbidden, "Forbidden", "exceeded quota");
        _ledger.Record(_pool, Use("a"));
        (await WriteAsync()).ShouldBeNull();
        _ledger.Read(NamespacedName.Of(_pool)).ShouldBeEmpty("nothing is kept that nobody can write");

        _cluster.OnCall = null;
        _ledger.Record(_pool, Use("b"));
        (await WriteAsync()).ShouldBe(TimeSpan.FromMinutes(60.5));
        _time.Advance(TimeSpan.FromMinutes(61));
        await WriteAsync();
        _cluster.Find<V1ConfigMap>(Ledger)!.Data.Keys.ShouldBe([Name("b")]);
    }

    private Task<TimeSpan?> WriteAsync() => _ledger.WriteAsync(_pool, [], Token);
}
