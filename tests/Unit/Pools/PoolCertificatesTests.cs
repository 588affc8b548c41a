using k8s.Models;
using Microsoft.Extensions.Time.Testing;
using Slipway.Api;
using Slipway.Pki;
using Slipway.Pools;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Pools;

/// <summary>Certificates over time, as passes leave them: each applies what it wants, and the next one sees that.</summary>
public class PoolCertificatesTests
{
    private const string Set = "farm-linux-amd64";
    private static readonly KnownAuthority Other = new("99887766", PoolWorld.Now.AddMinutes(1));
    private readonly FakeTimeProvider _time = new(PoolWorld.Now);
    private PoolSnapshot _snapshot = PoolWorld.Snapshot(PoolWorld.Pool()) with { Options = new PoolOptions { ServerCertificateLifetime = TimeSpan.FromMinutes(2) } };

    [Fact]
    public void Wanted_WhenTheLifetimeIsTwoMinutes_RenewsWithAThirdLeftTimeAndAgain()
    {
        var ordered = new List<(double Second, string Serial)>();
        for (var second = 0; second <= 240; second += 5)
        {
            if (Pass().Order is { } order) ordered.Add((second, order.Certificate.Serial));
            _time.Advance(TimeSpan.FromSeconds(5));
        }

        ordered.Select(order => order.Second).ShouldBe([0, 80, 160, 240]);
        ordered.Select(order => order.Serial).Distinct().Count().ShouldBe(4);
    }

    [Fact]
    public void Plan_WhenNothingElseHappens_LooksAgainWhenTheCertificateIsDue()
    {
        Pass();

        PoolPlanner.Plan(Now()).LookAgainAfter.ShouldBe(TimeSpan.FromSeconds(80));
    }

    [Fact]
    public void Wanted_WhenAPassWasInterrupted_FindsItsWayToTheSameNames()
    {
        Pass();
        var old = Serial();
        _time.Advance(TimeSpan.FromSeconds(80));
        var interrupted = PoolCertificates.Wanted(Now(), Set);
        _time.Advance(TimeSpan.FromSeconds(5));

        var again = Pass();

        again.Order.ShouldNotBeNull().Secret.ShouldBe(interrupted.Order!.Secret);
        again.Certificate.Earlier.ShouldBe([old]);
    }

    // A build of an hour at a lifetime of two minutes.
    [Fact]
    public void Wanted_WhenABusyBuilderKeepsAnOldOne_DeletesThoseBetweenAndThatOneWhenItIsGone()
    {
        Pass();
        var (first, busy) = (Serial(), PoolWorld.Pod(Live(), 0));
        var deleted = new List<string>();
        _snapshot = _snapshot with { Pods = [busy] };
        for (var rotation = 0; rotation < 6; rotation++)
        {
            _time.Advance(TimeSpan.FromSeconds(80));
            Pass().Order.ShouldNotBeNull();
            deleted.AddRange(Pass().Unused.Select(secret => secret.Name));
        }

        deleted.Count.ShouldBe(5, "all but the one it mounts and the one that is current");
        deleted.ShouldNotContain(ChildNames.ServerCertificate(Set, first));
        deleted.ShouldNotContain(ChildNames.ServerCertificate(Set, Serial()));
        Earlier().ShouldBe(first);

        _snapshot = _snapshot with { Pods = [] };
        Pass().Unused.ShouldHaveSingleItem().Name.ShouldBe(ChildNames.ServerCertificate(Set, first));
        Earlier().ShouldBeNull();
        Pass().Unused.ShouldBeEmpty();
    }

    [Fact]
    public void Wanted_WhenDeletingWasInterrupted_DeletesAgain()
    {
        Rotate();
        var interrupted = PoolCertificates.Wanted(Now(), Set);

        PoolCertificates.Wanted(Now(), Set).Unused.ShouldBe(interrupted.Unused);
        interrupted.Unused.ShouldHaveSingleItem();
    }

    // It may be making a pod of the old template this moment.
    [Fact]
    public void Wanted_WhenTheStatefulSetsControllerHasNotSeenTheNewTemplate_DeletesNothing()
    {
        Rotate();
        Live().Metadata.Generation++;

        PoolCertificates.Wanted(Now(), Set).Unused.ShouldBeEmpty();
        Live().Status = null;
        PoolCertificates.Wanted(Now(), Set).Unused.ShouldBeEmpty();
    }

    [Fact]
    public void Wanted_WhenSomebodyWroteOtherNamesIntoTheAnnotation_DeletesOnlyWhatMayBeASerial()
    {
        Pass();
        Live().Metadata.Annotations[SlipwayApi.EarlierCertificatesAnnotation] = $"x,../other,0123456789ABCDEF,,{Serial()},0123456789abcdef";

        Pass().Unused.Select(secret => $"{secret}").ShouldBe([$"builders/{Set}-tls-0123456789abcdef"]);
    }

    [Fact]
    public void Wanted_WhenTheAuthorityIsAnotherOne_OrdersACertificateOfThatAtOnce()
    {
        Pass();
        var old = Serial();
        _snapshot = _snapshot with { Authority = Other };

        var wanted = Pass();

        wanted.Order.ShouldNotBeNull().Certificate.Authority.ShouldBe(Other.Id);
        wanted.Certificate.Earlier.ShouldBe([old]);
        Pass().Order.ShouldBeNull();
    }

    [Fact]
    public void Stale_WhenAPoolIsRekeyed_AreTheBusyAndTheIdleOfTheOldAuthorityAndNobodyElse()
    {
        Pass();
        var (busy, idle) = (PoolWorld.Pod(Live(), 0), PoolWorld.Pod(Live(), 1));
        _snapshot = _snapshot with { Pods = [busy, idle], Queues = PoolWorld.Busy("linux/amd64", busy.Metadata.Uid, 1) };
        PoolCertificates.StaleAuthority(Now()).ShouldBeEmpty();

        _snapshot = _snapshot with { Authority = Other };
        Pass();
        var rolled = PoolWorld.Pod(Live(), 2);
        _snapshot = _snapshot with { Pods = [busy, idle, rolled] };

        PoolCertificates.StaleAuthority(Now()).ShouldBe([busy.Metadata.Uid, idle.Metadata.Uid], ignoreOrder: true);
    }

    // No client certificate for them can be issued, whoever signed them.
    [Fact]
    public void Stale_WhenThePoolHasNoAuthority_AreAll()
    {
        Pass();
        var pod = PoolWorld.Pod(Live(), 0);

        PoolCertificates.StaleAuthority(Now() with { Authority = null, Pods = [pod] }).ShouldBe([pod.Metadata.Uid]);
    }

    [Fact]
    public void Upgrade_FromAnOperatorThatDidNotSayWhoSigned_OrdersAnotherAndLetsBuildersGoOn()
    {
        Pass();
        var old = Serial();
        var set = Live();
        foreach (var metadata in new[] { set.Metadata, set.Spec.Template.Metadata }) metadata.Annotations.Remove(SlipwayApi.CertificateAuthorityAnnotation);
        var pod = PoolWorld.Pod(set, 0);
        _snapshot = _snapshot with { Pods = [pod] };

        PoolCertificates.StaleAuthority(Now()).ShouldBeEmpty();
        Pass().Order.ShouldNotBeNull().Certificate.Serial.ShouldNotBe(old);
        Pass().Unused.ShouldBeEmpty("the old pod mounts it");
        _snapshot = _snapshot with { Pods = [PoolWorld.Pod(Live(), 0)] };
        Pass().Unused.ShouldHaveSingleItem().Name.ShouldBe(ChildNames.ServerCertificate(Set, old));
    }

    [Fact]
    public void Upgrade_WhenTheAuthorityIsYoungerThanAPodThatDoesNotSay_IsThePodStale()
    {
        Pass();
        var pod = PoolWorld.Pod(Live(), 0);
        pod.Metadata.Annotations = null;

        PoolCertificates.StaleAuthority(Now() with { Pods = [pod], Authority = Other }).ShouldBe([pod.Metadata.Uid]);
    }

    [Fact]
    public void Builder_OfTheTemplate_SaysWhoSignedItAndUntilWhen()
    {
        Pass();

        var builder = Builder.From(PoolWorld.Pod(Live(), 0), Set);

        builder.Authority.ShouldBe(PoolWorld.Authority.Id);
        builder.CertificateExpires.ShouldBe(PoolWorld.Now.AddMinutes(2));
    }

    [Fact]
    public void Builder_OfAnOlderTemplate_DoesNotSay()
    {
        Pass();
        var pod = PoolWorld.Pod(Live(), 0);
        pod.Metadata.Annotations = null;

        var builder = Builder.From(pod, Set);

        (builder.Authority, builder.CertificateExpires).ShouldBe((null, null));
    }

    [Fact]
    public void SecretsOf_WhenAStatefulSetIsGivenUp_AreTheCurrentAndTheEarlier()
    {
        Pass();
        var old = Serial();
        Rotate();

        PoolCertificates.SecretsOf(Live()).Select(secret => secret.Name)
            .ShouldBe([ChildNames.ServerCertificate(Set, old), ChildNames.ServerCertificate(Set, Serial())]);
    }

    private WantedCertificate Pass()
    {
        var wanted = PoolCertificates.Wanted(Now(), Set);
        var pool = _snapshot.Pool;
        var set = PoolObjects.StatefulSet(pool, pool.Spec.Platforms[0], _snapshot.Options, wanted.Certificate, replicas: 1);
        set.Metadata.Uid = "uid-of-the-set";
        set.Metadata.Generation = 1;
        set.Status = new V1StatefulSetStatus { Replicas = 1, ObservedGeneration = 1 };
        _snapshot = _snapshot with { StatefulSets = [set] };
        return wanted;
    }

    private void Rotate()
    {
        if (_snapshot.StatefulSets.Count == 0) Pass();
        _time.Advance(TimeSpan.FromSeconds(80));
        Pass();
    }

    private PoolSnapshot Now() => _snapshot with { Now = _time.GetUtcNow() };

    private V1StatefulSet Live() => _snapshot.StatefulSets.Single();

    private string Serial() => Live().Metadata.Annotations[SlipwayApi.CertificateSerialAnnotation];

    private string? Earlier() => Live().Metadata.Annotations.TryGetValue(SlipwayApi.EarlierCertificatesAnnotation, out var earlier) ? earlier : null;
}
