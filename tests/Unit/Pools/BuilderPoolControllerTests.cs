using System.Net;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Events;
using Slipway.Kube.Telemetry;
using Slipway.Kube.Writing;
using Slipway.Pki;
using Slipway.Pools;
using Slipway.Scheduling;
using Slipway.Tests.Unit.Pki;

namespace Slipway.Tests.Unit.Pools;

public class BuilderPoolControllerTests
{
    private const string Set = "builders/farm-linux-amd64";
    private static readonly NamespacedName SetKey = new("builders", "farm-linux-amd64");

    private readonly FakeCluster _cluster = new();
    private readonly FakeTimeProvider _time = new(PoolWorld.Now);
    private readonly RecordingLogger _log = new();
    private readonly OperatorMetrics _metrics = new();
    private readonly FakeStore<V1Alpha1BuilderPool> _pools;
    private readonly FakeStore<V1Secret> _authorities;
    private readonly FakeStore<V1StatefulSet> _sets;
    private readonly BuilderPoolController _controller;
    private readonly Queues _queues = new();
    private readonly IEventRecorder _events = Substitute.For<IEventRecorder>();
    private IReadOnlyList<string> _errors = [];
    private IReadOnlyList<string> _apiServer = [PoolWorld.ApiServer];

    public BuilderPoolControllerTests()
    {
        _pools = new FakeStore<V1Alpha1BuilderPool>(_cluster);
        _authorities = new FakeStore<V1Secret>(_cluster, PoolAuthorityTests.IsAuthority);
        var authority = new PoolAuthority(_authorities, _cluster, new PkiOptions { OperatorNamespace = "slipway-system" }, _time);
        _sets = new FakeStore<V1StatefulSet>(_cluster, IsOurs, item => PoolLabels.PoolOf(item).Select(pool => pool.ToString()));
        var issued = new IssuedCertificates(_time);
        var observer = new PoolObserver(
            _sets, new FakeStore<V1Service>(_cluster, IsOurs),
            new FakeStore<V1ConfigMap>(_cluster, IsOurs), new FakeStore<V1NetworkPolicy>(_cluster, IsOurs), new FakeStore<V1Pod>(_cluster, IsOurs, item => PoolLabels.PoolOf(item).Select(pool => pool.ToString())),
            new FakeStore<V1Node>(_cluster), () => _apiServer, authority, _queues, new Circuits(_pools, Substitute.For<IReconcileTrigger<V1Alpha1BuilderPool>>(), _time), issued, new PoolOptions(), _ => _errors, _time);
        _controller = new BuilderPoolController(
            observer, authority, new AuthoritySweep(authority, _pools), _cluster, new Applier(_cluster, new OperatorOptions()), new Deleter(_cluster),
            new StatusWriter(_cluster), new StatusPace(new PoolOptions(), _time), issued, Expiry(), Substitute.For<IPoolWatcher>(), _queues, new FarmMetrics(_metrics), _events, _log);
        _cluster.Put(PoolWorld.Pool());
        _cluster.Put(PoolWorld.Node());
    }

    private CacheExpiry Expiry() => new(
        new FakeStore<V1Job>(_cluster, IsOurs, CacheExpiry.OwnerOf), new FakeStore<V1Pod>(_cluster, IsOurs, CacheExpiry.OwnerOf), _pools,
        new PoolLedger(new FakeStore<V1ConfigMap>(_cluster, IsOurs), _pools, _cluster, Substitute.For<IReconcileTrigger<V1Alpha1BuilderPool>>(), _time, NullLogger<PoolLedger>.Instance),
        _cluster, new Deleter(_cluster), PoolWorld.Jobs, _time, NullLogger<CacheExpiry>.Instance);

    [Fact]
    public async Task Reconcile_WhenThePoolHasEndpointsAlone_WritesTheirStatusAndNothingElse()
    {
        var pool = PoolWorld.Pool(new PoolPlatform { Platform = "linux/arm64", Endpoints = [new PoolEndpoint { Address = "tcp://arm-1:1234", TlsSecretRef = new LocalReference { Name = "client" } }] });
        _cluster.Put(pool);

        await ReconcileAsync();

        Writes().ShouldBe(["STATUS BuilderPool builders/farm"]);
        var platform = _cluster.Find<V1Alpha1BuilderPool>(NamespacedName.Of(pool))!.Status!.Platforms.ShouldHaveSingleItem();
        platform.Builders.ShouldHaveSingleItem().ShouldBe(new BuilderStatus { Name = "arm-1:1234", State = "Ready", Builds = 0 });
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
        // As another process, which knows nothing of it.
        _time.Advance(TimeSpan.FromSeconds(31));

        await ReconcileAsync();

        Writes().Take(3).ShouldBe([$"CREATE Secret {SecretKey()}", $"DELETE Secret {SecretKey()}", $"CREATE Secret {SecretKey()}"]);
        _cluster.Find<V1Secret>(SecretKey())!.Data["tls.key"].ShouldNotBe(first);
        _cluster.All<V1Secret>().Count(secret => secret.Metadata.NamespaceProperty == "builders").ShouldBe(1);
    }

    // The Service's event woke the pool before the StatefulSet's came: another second, another expiry, and all builders were rolled.
    [Fact]
    public async Task Reconcile_WhenTheStoreDoesNotShowTheStatefulSetYet_IssuesNoOtherCertificate()
    {
        await ReconcileAsync();
        var first = _cluster.Find<V1StatefulSet>(SetKey)!;
        _sets.Shows = _ => false;
        _cluster.Calls.Clear();
        _time.Advance(TimeSpan.FromSeconds(2));

        await ReconcileAsync();

        Writes().Where(call => call.Contains("Secret", StringComparison.Ordinal)).ShouldBeEmpty();
        var now = _cluster.Find<V1StatefulSet>(SetKey)!;
        KubeJson.ToNode(now.Spec.Template).ToJsonString().ShouldBe(KubeJson.ToNode(first.Spec.Template).ToJsonString());
    }

    [Fact]
    public async Task Reconcile_WhenAStatefulSetThatWasSeenIsDeletedWithItsSecret_IssuesTheCertificateAnew()
    {
        await ReconcileAsync();
        await ReconcileAsync();
        _cluster.Remove<V1StatefulSet>(SetKey);
        _cluster.Remove<V1Secret>(SecretKey());

        await ReconcileAsync();

        _cluster.Find<V1Secret>(SecretKey()).ShouldNotBeNull();
    }

    [Fact]
    public async Task Reconcile_WhenAPlatformGoesAndComesBackAtOnce_IssuesItsCertificateAnew()
    {
        await ReconcileAsync();
        var secret = SecretKey();
        _cluster.Put(PoolWorld.Pool(PoolWorld.Platform("linux/arm64")));
        await ReconcileAsync();
        _cluster.Find<V1Secret>(secret).ShouldBeNull();
        _cluster.Put(PoolWorld.Pool());

        await ReconcileAsync();

        _cluster.Find<V1Secret>(secret).ShouldNotBeNull();
    }

    [Fact]
    public async Task Reconcile_WhenItTouchesSecretsOfOthers_OnlyCreatesAndDeletes()
    {
        await ReconcileAsync();
        _time.Advance(PoolOptions.DefaultServerCertificateLifetime);
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
    public async Task Reconcile_WhenTheQueueGrows_RaisesReplicasAtOnce()
    {
        await ScaleAsync(desired: 5);

        Replicas().ShouldBe(5);
    }

    [Requirement("R17")]
    [Fact]
    public async Task Reconcile_WhenNothingIsScaled_LeavesReplicasAsTheyAre()
    {
        await ScaleAsync(desired: 3);
        StartBuilders(3);
        var pool = Pool();
        _cluster.Put(pool with { Spec = pool.Spec with { Image = "registry.example.com/buildkit:v0.32.2-rootless" } });

        await ReconcileAsync();

        Replicas().ShouldBe(3);
    }

    [Fact]
    public async Task Reconcile_WhenTheQueueIsEmpty_RemovesOnlyWhatIsAboveTheHighestBusyBuilder()
    {
        await ScaleAsync(desired: 4);
        var uids = StartBuilders(4);

        await ScaleAsync(desired: 0, (uids[1], 1));
        Replicas().ShouldBe(2, "the builds of 0 and 1 hold on to both");

        await ScaleAsync(desired: 0);
        Replicas().ShouldBe(0);
    }

    // No Job shows it yet, so no counter does.
    [Fact]
    public async Task Reconcile_WhenASurplusBuilderWasPromisedABuild_KeepsIt()
    {
        await ScaleAsync(desired: 2);
        _queues.Promised.Add(StartBuilders(2)[1]);

        await ScaleAsync(desired: 0);

        Replicas().ShouldBe(2);
        _cluster.Calls.ShouldNotContain(call => call.StartsWith("DELETE Pod", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Reconcile_WhenARetiredBuilderIsWantedAgain_HasItComeBackAsAnotherPod()
    {
        await ScaleAsync(desired: 2);
        StartBuilders(2);
        await ScaleAsync(desired: 0);

        await ScaleAsync(desired: 2);

        Replicas().ShouldBe(2);
        _cluster.All<V1Pod>().ShouldBeEmpty("both were let go of for good");
    }

    [Fact]
    public async Task Reconcile_WhenTheStoreIsBehindADeletion_DeletesOnce()
    {
        await ScaleAsync(desired: 1);
        var pod = StartBuilders(1).Single();
        await ScaleAsync(desired: 0);
        var kept = _cluster.All<V1Pod>().Single();
        await ScaleAsync(desired: 1);
        _cluster.Put(kept);

        await ReconcileAsync();

        _cluster.Calls.Count(call => call.StartsWith("DELETE Pod", StringComparison.Ordinal)).ShouldBe(1);
        kept.Metadata.Uid.ShouldBe(pod);
    }

    [Fact]
    public async Task Reconcile_WhenTheImageChanges_ReplacesIdleBuildersOneByOne()
    {
        await ScaleAsync(desired: 3);
        var uids = StartBuilders(3);
        var pool = Pool();
        _cluster.Put(pool with { Spec = pool.Spec with { Image = "registry.example.com/buildkit:v0.32.2-rootless" } });
        await ScaleAsync(desired: 3, (uids[0], 1), (uids[2], 1));

        await ReconcileAsync();
        PodUids().ShouldBe([uids[0], uids[2]], "the idle one goes, the busy ones stay");
        await ReconcileAsync();
        PodUids().ShouldBe([uids[0], uids[2]], "its successor is not there yet");

        StartBuilders(3);
        await ReconcileAsync();
        _queues.Drained[Amd64].ShouldHaveSingleItem().ShouldBe(uids[0], "the next one takes no new builds");
        PodUids().ShouldContain(uids[0]);

        await ScaleAsync(desired: 3, (uids[2], 1));
        PodUids().ShouldNotContain(uids[0]);
        PodUids().ShouldContain(uids[2]);
    }

    [Fact]
    public async Task Reconcile_WhenANodeIsCordoned_DrainsItsBusyBuilderAndMovesTheIdleOne()
    {
        await ScaleAsync(desired: 2);
        var uids = StartBuilders(2);
        _cluster.Put(PoolWorld.Node(cordoned: true));

        await ScaleAsync(desired: 2, (uids[0], 1));

        _queues.Drained[Amd64].ShouldBe(uids, ignoreOrder: true);
        PodUids().ShouldBe([uids[0]]);
        Pool().Status!.Platforms![0].Builders![0].State.ShouldBe("Draining");
    }

    [Fact]
    public async Task Reconcile_WhenOnlyCountersChange_WritesThemLaterAndLooksAgainThen()
    {
        await ScaleAsync(desired: 1);
        var uid = StartBuilders(1).Single();
        await ScaleAsync(desired: 1);
        _cluster.Calls.Clear();

        _queues.Counts[Amd64] = new QueueCount { Desired = 1, Building = 1, Builds = new Dictionary<string, int> { [uid] = 1 } };
        var result = await ReconcileAsync();
        Writes().ShouldBeEmpty();
        result.RequeueAfter.ShouldBe(new PoolOptions().CountersInterval);

        _time.Advance(new PoolOptions().CountersInterval);
        await ReconcileAsync();
        Writes().ShouldBe(["STATUS BuilderPool builders/farm"]);
        Pool().Status!.Summary!.Building.ShouldBe(1);
    }

    [Requirement("R17")]
    [Fact]
    public async Task Reconcile_WhenStorageGrows_MakesTheStatefulSetAnewAndLosesNoBusyBuilder()
    {
        await GrowAsync("50Gi", desired: 3);
        var uids = StartBuilders(3);
        var claim = new NamespacedName("builders", "state-farm-linux-amd64-0");
        _cluster.Put(new V1PersistentVolumeClaim
        {
            Metadata = new V1ObjectMeta { Name = claim.Name, NamespaceProperty = claim.Namespace },
            Spec = new V1PersistentVolumeClaimSpec { VolumeName = "pv-1" },
        });

        await GrowAsync("60Gi", desired: 1, uids[2]);
        _cluster.All<V1StatefulSet>().ShouldBeEmpty();
        PodUids().ShouldBe(uids);
        var grown = _cluster.Find<V1PersistentVolumeClaim>(claim)!;
        (grown.Spec.Resources.Requests["storage"].ToString(), grown.Spec.VolumeName).ShouldBe(("60Gi", "pv-1"));

        foreach (var pod in _cluster.All<V1Pod>())
        {
            pod.Metadata.OwnerReferences = null;
            _cluster.Put(pod);
        }

        await GrowAsync("60Gi", desired: 1, uids[2]);
        Replicas().ShouldBe(3, "the new one would remove whom it leaves out");
    }

    [Theory]
    [InlineData(HttpStatusCode.Forbidden)]
    [InlineData(HttpStatusCode.UnprocessableEntity)]
    public async Task Reconcile_WhenAVolumeMayNotGrow_SaysSoAndKeepsTheStatefulSet(HttpStatusCode refusal)
    {
        await GrowAsync("50Gi", desired: 1);
        _cluster.OnCall = call =>
        {
            if (call.StartsWith("PATCH PersistentVolumeClaim", StringComparison.Ordinal)) throw new KubeApiException(refusal, "Refused", "only dynamically provisioned pvc can be resized.");
        };

        await GrowAsync("60Gi", desired: 1);

        Pool().Status!.Of("Stalled")!.Message.ShouldBe("A volume cannot grow: only dynamically provisioned pvc can be resized. "
            + "Let its storage class expand volumes (allowVolumeExpansion), or set the size back.");
        _cluster.All<V1StatefulSet>().ShouldHaveSingleItem();
    }

    private async Task GrowAsync(string size, int desired, params string[] busy)
    {
        var pool = Pool();
        var platform = PoolWorld.Platform(size: size) with { Replicas = new PoolReplicas { Min = 1, Max = 3 } };
        _cluster.Put(pool with { Spec = pool.Spec with { Platforms = [platform] } });
        _queues.Counts[Amd64] = new QueueCount { Desired = desired, Builds = busy.ToDictionary(uid => uid, _ => 1) };
        await ReconcileAsync();
    }

    private const string Amd64 = "linux/amd64";

    private async Task ScaleAsync(int desired, params (string Uid, int Builds)[] builds)
    {
        var pool = Pool();
        var range = new PoolReplicas { Min = 0, Max = 10 };
        _cluster.Put(pool with { Spec = pool.Spec with { Platforms = [PoolWorld.Platform() with { Replicas = range }] } });
        _queues.Counts[Amd64] = new QueueCount { Desired = desired, Builds = builds.ToDictionary(item => item.Uid, item => item.Builds) };
        await ReconcileAsync();
    }

    private int? Replicas() => _cluster.All<V1StatefulSet>().Single().Spec.Replicas;

    /// <summary>What the StatefulSet's controller does: whoever is missing gets a pod of the template as it is now.</summary>
    private string[] StartBuilders(int count)
    {
        var set = _cluster.All<V1StatefulSet>().Single();
        foreach (var pod in Enumerable.Range(0, count).Select(ordinal => PoolWorld.Pod(set, ordinal)))
        {
            pod.Metadata.Uid = Guid.NewGuid().ToString();
            if (_cluster.Find<V1Pod>(NamespacedName.Of(pod)) is null) _cluster.Put(pod);
        }

        return PodUids();
    }

    private string[] PodUids() => [.. _cluster.All<V1Pod>().OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal).Select(pod => pod.Metadata.Uid)];
    // The store shows neither what was deleted nor what was made in its place, and two passes are at it.
    [Fact]
    public async Task Reconcile_WhenTheAuthorityIsDeletedAndPassesMeet_MakesExactlyOneNewOne()
    {
        _cluster.Put(PoolWorld.Pool(PoolWorld.Platform(), PoolWorld.Platform("linux/arm64")));
        await ReconcileAsync();
        var old = DeleteAuthority();
        _authorities.Shows = _ => false;
        _cluster.OnCall = call =>
        {
            if (!call.StartsWith("CREATE Secret slipway-system/", StringComparison.Ordinal)) return;
            _cluster.OnCall = null;
            ReconcileAsync().IsCompletedSuccessfully.ShouldBeTrue();
        };

        await ReconcileAsync();

        var authority = _cluster.All<V1Secret>().Single(PoolAuthorityTests.IsAuthority);
        PkiObjects.Known(authority).Id.ShouldNotBe(PkiObjects.Known(old).Id);
        foreach (var set in _cluster.All<V1StatefulSet>())
        {
            var volume = set.Spec.Template.Spec.Volumes.Single(volume => volume.Secret is not null);
            _cluster.Find<V1Secret>(new("builders", volume.Secret.SecretName))!.Data["ca.crt"].ShouldBe(authority.Data["tls.crt"]);
            set.Spec.Template.Metadata.Annotations[SlipwayApi.CertificateAuthorityAnnotation].ShouldBe(PkiObjects.Known(authority).Id);
        }
    }

    [Fact]
    public async Task Reconcile_WhenTheAuthorityGoesWhileItPlans_IssuesNothingAndComesAgain()
    {
        await ReconcileAsync();
        _time.Advance(PoolOptions.DefaultServerCertificateLifetime);
        _cluster.Remove<V1Service>(new("builders", "farm-linux-amd64"));
        _cluster.OnCall = call => { if (call.StartsWith("GET Service", StringComparison.Ordinal)) DeleteAuthority(); };
        _cluster.Calls.Clear();

        (await ReconcileAsync()).IsSuccess.ShouldBeFalse();
        Writes().ShouldBeEmpty();
        _cluster.OnCall = null;

        (await ReconcileAsync()).IsSuccess.ShouldBeTrue();
        _cluster.All<V1Secret>().ShouldContain(secret => PoolAuthorityTests.IsAuthority(secret));
    }

    [Fact]
    public async Task Reconcile_WhenAPassWasInterruptedBetweenDeletionAndForgetting_DeletesAgainAndForgets()
    {
        await ReconcileAsync();
        _time.Advance(PoolOptions.DefaultServerCertificateLifetime);
        await ReconcileAsync();
        var set = _cluster.All<V1StatefulSet>().Single();
        (set.Metadata.Generation, set.Status) = (2, new V1StatefulSetStatus { Replicas = 1, ObservedGeneration = 2 });
        _cluster.Put(set);
        _cluster.OnCall = call => { if (call.StartsWith("APPLY", StringComparison.Ordinal)) throw new HttpRequestException("gone"); };
        await Should.ThrowAsync<HttpRequestException>(ReconcileAsync);
        _cluster.OnCall = null;
        _cluster.Calls.Clear();

        await ReconcileAsync();

        Writes().ShouldBe([$"DELETE Secret {SecretKey()}", $"APPLY StatefulSet {Set}"]);
        _cluster.All<V1StatefulSet>().Single().Metadata.Annotations.ShouldNotContainKey(SlipwayApi.EarlierCertificatesAnnotation);
        _cluster.All<V1Secret>().Count(secret => secret.Metadata.NamespaceProperty == "builders").ShouldBe(1);
    }

    private V1Secret DeleteAuthority()
    {
        var authority = _cluster.All<V1Secret>().Single(PoolAuthorityTests.IsAuthority);
        _cluster.Remove<V1Secret>(NamespacedName.Of(authority));
        return authority;
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

    /// <summary>A scheduler that lets go of every builder that no build is counted for.</summary>
    private sealed class Queues : IQueueCounters, IBuilderService
    {
        private readonly HashSet<string> _retired = [];

        public Dictionary<string, QueueCount> Counts { get; set; } = [];

        /// <summary>Uids of builders that a build was promised and no counter shows yet.</summary>
        public HashSet<string> Promised { get; } = [];

        public Dictionary<string, IReadOnlySet<string>> Drained { get; } = [];

        public QueueCount Of(NamespacedName pool, string platform)
        {
            Platform.TryParse(platform, out _).ShouldBeTrue("the scheduler reads it as a platform");
            return Counts.GetValueOrDefault(platform, QueueCount.None) with { Retired = _retired.ToHashSet() };
        }

        public void Drain(NamespacedName pool, string platform, IReadOnlySet<string> builderUids) => Drained[platform] = builderUids;

        public bool TryRetire(NamespacedName pool, string platform, string builderUid)
        {
            if (Promised.Contains(builderUid) || Of(pool, platform).Builds.ContainsKey(builderUid)) return false;
            _retired.Add(builderUid);
            return true;
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
