using System.Net;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Slipway.Api;
using Slipway.Cache;
using Slipway.JobPods;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Writing;
using Slipway.Pools;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Pools;

/// <summary>What pools know of each other's caches.</summary>
public sealed class CacheExpiryTests
{
    private readonly FakeCluster _cluster = new();
    private readonly FakeTimeProvider _time = new(PoolWorld.Now);
    private readonly PoolLedger _ledger;
    private readonly CacheExpiry _expiry;
    private readonly V1Alpha1BuilderPool _one = Pool("one", "uid-of-one");
    private readonly V1Alpha1BuilderPool _two = Pool("two", "uid-of-two");

    public CacheExpiryTests()
    {
        var pools = new FakeStore<V1Alpha1BuilderPool>(_cluster);
        _ledger = new PoolLedger(new FakeStore<V1ConfigMap>(_cluster), pools, _cluster, Substitute.For<IReconcileTrigger<V1Alpha1BuilderPool>>(), _time, NullLogger<PoolLedger>.Instance);
        _expiry = new CacheExpiry(
            new FakeStore<V1Job>(_cluster, keys: job => [.. CacheExpiry.OwnerOf(job), .. CacheExpiry.BucketOf(job)]), new FakeStore<V1Pod>(_cluster, keys: CacheExpiry.OwnerOf), pools,
            _ledger, _cluster, new Deleter(_cluster), PoolWorld.Jobs, _time, NullLogger<CacheExpiry>.Instance);
        _cluster.Put(_one);
        _cluster.Put(_two);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A tag says nothing of pools: one would delete what the other's builds read every hour.</summary>
    [Fact]
    public void Observe_WhereAnotherPoolUsesTheSameTag_KnowsOfIt()
    {
        Use(_one, _time.GetUtcNow());
        Use(_two, _time.GetUtcNow().AddDays(10));

        _expiry.Observe(_one).Ledger.ShouldHaveSingleItem().Value.LastUsed.ShouldBe(PoolWorld.Now.AddDays(10));
        _expiry.Observe(_two).Ledger.ShouldHaveSingleItem().Value.LastUsed.ShouldBe(PoolWorld.Now.AddDays(10));
    }

    /// <summary>It keeps its caches longer, and the tag is its own as well.</summary>
    [Fact]
    public void Observe_WhereAnotherPoolKeepsTheSameTagForLonger_KeepsItAsLong()
    {
        var patient = _two with { Spec = _two.Spec with { Cache = _two.Spec.Cache! with { Ttl = "720h" } } };
        _cluster.Put(patient);
        Use(_one, _time.GetUtcNow());
        Use(patient, _time.GetUtcNow());

        var longer = TimeSpan.FromHours(720) - CacheTimes.TtlOf(_one.Spec.Cache!);
        longer.ShouldBeGreaterThan(TimeSpan.Zero);
        _expiry.Observe(_one).Ledger.ShouldHaveSingleItem().Value.LastUsed.ShouldBe(PoolWorld.Now + longer);
        _expiry.Observe(patient).Ledger.ShouldHaveSingleItem().Value.LastUsed.ShouldBe(PoolWorld.Now);
    }

    /// <summary>Anybody who may make pods there can leave such a text, and no status that held it would be taken.</summary>
    [Theory]
    [InlineData("CacheBucketMissing", true)]
    [InlineData("no reason\u0022!", false)]
    public async Task Observe_WhereAResultIsNone_DoesNotBelieveIt(string reason, bool believed)
    {
        Use(_one, _time.GetUtcNow());
        _time.Advance(TimeSpan.FromDays(3));
        await ActAsync(_one);
        var job = _cluster.All<V1Job>().ShouldHaveSingleItem();
        var left = new RunResult { Failure = new RunFailure { Class = FailureClass.Config, Reason = reason, Message = "It went wrong." } };
        _cluster.Put(new V1Pod
        {
            Metadata = new V1ObjectMeta
            {
                Name = "x",
                NamespaceProperty = "builders",
                Labels = job.Spec.Template.Metadata.Labels,
                OwnerReferences = [new V1OwnerReference { ApiVersion = "batch/v1", Kind = "Job", Name = job.Metadata.Name, Uid = job.Metadata.Uid, Controller = true }],
            },
            Status = new V1PodStatus { ContainerStatuses = [new V1ContainerStatus { Name = JobContainers.Runner, State = new V1ContainerState { Terminated = new V1ContainerStateTerminated { Message = RunnerJson.Serialize(left) } } }] },
        });

        _expiry.Observe(_one).Jobs.ShouldHaveSingleItem().Result?.Failure?.Reason.ShouldBe(reason);
        (_expiry.Observe(_one).Jobs[0].Result is not null).ShouldBe(believed);
    }

    /// <summary>By a quota: the pool's status is written all the same.</summary>
    [Fact]
    public async Task Act_WhereTheJobIsRefused_RemembersWhyForAnHour()
    {
        Use(_one, _time.GetUtcNow());
        _time.Advance(TimeSpan.FromDays(3));
        _cluster.OnCall = call => { if (call.StartsWith("CREATE Job", StringComparison.Ordinal)) throw new KubeApiException(HttpStatusCode.Forbidden, "Forbidden", "exceeded quota: jobs"); };

        await ActAsync(_one);

        _expiry.Observe(_one).Refusal!.Message.ShouldContain("exceeded quota: jobs");
        (await ActAsync(_one)).Create.ShouldBeNull();
        _time.Advance(TimeSpan.FromHours(1));
        (await ActAsync(_one)).Create.ShouldNotBeNull();
    }

    [Fact]
    public async Task Act_OfTwoPoolsAtOneRepository_RunsOneJobAfterTheOther()
    {
        foreach (var pool in new[] { _one, _two }) Use(pool, _time.GetUtcNow());
        _time.Advance(TimeSpan.FromDays(3));

        await ActAsync(_one);
        var waits = await ActAsync(_two);

        _cluster.All<V1Job>().ShouldHaveSingleItem().Metadata.OwnerReferences.ShouldHaveSingleItem().Uid.ShouldBe("uid-of-one");
        waits.NextLook.ShouldBe(_time.GetUtcNow() + PoolExpiry.BucketPoll);
        End(_cluster.All<V1Job>()[0]);
        _time.Advance(TimeSpan.FromMinutes(1));
        await ActAsync(_two);
        _cluster.All<V1Job>().Count.ShouldBe(2);
    }

    /// <summary>The labels are anybody's to write who may make Jobs in the namespace.</summary>
    [Theory]
    [InlineData("somebody's", false)]
    [InlineData("overdue", false)]
    [InlineData("running", true)]
    public async Task Observe_WhileAJobIsAtTheBucket_WaitsForAPoolsThatRuns(string job, bool taken)
    {
        Use(_one, _time.GetUtcNow());
        Use(_two, _time.GetUtcNow());
        _time.Advance(TimeSpan.FromDays(3));
        await ActAsync(_one);
        var made = _cluster.All<V1Job>().ShouldHaveSingleItem();
        made.Metadata.CreationTimestamp = (_time.GetUtcNow() - (job == "overdue" ? TimeSpan.FromHours(2) : TimeSpan.Zero)).UtcDateTime;
        if (job == "somebody's") made.Metadata.OwnerReferences = null;
        _cluster.Put(made);
        _time.Advance(TimeSpan.FromMinutes(1));

        _expiry.Observe(_two).BucketTaken.ShouldBe(taken);
    }

    private void Use(V1Alpha1BuilderPool pool, DateTimeOffset at) =>
        _ledger.Record(pool, new CacheUse(CacheNames.Name("team-a", "app", new Platform("linux", "amd64")), "team-a", "app", "linux/amd64", at));

    private async Task<ExpiryPlan> ActAsync(V1Alpha1BuilderPool pool)
    {
        var plan = PoolExpiry.Plan(PoolWorld.Snapshot(pool) with { Now = _time.GetUtcNow(), Expiry = _expiry.Observe(pool) });
        await _expiry.ActAsync(pool, plan, Token);
        return plan;
    }

    private void End(V1Job job)
    {
        job.Status = new V1JobStatus { Conditions = [new V1JobCondition { Type = "Complete", Status = "True", LastTransitionTime = _time.GetUtcNow().UtcDateTime }] };
        _cluster.Put(job);
    }

    private static V1Alpha1BuilderPool Pool(string name, string uid)
    {
        var pool = PoolWorld.Pool();
        return pool with
        {
            Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = "builders", Uid = uid },
            Spec = pool.Spec with { Cache = new PoolCache { Ttl = "48h", Registry = new PoolRegistryCache { Repository = "r.example.com/cache" } } },
        };
    }
}
