using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s.Models;
using Microsoft.Extensions.Time.Testing;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Pki;
using Slipway.Tests.Unit.Pools;

namespace Slipway.Tests.Unit.Pki;

public class PoolAuthorityTests
{
    private static readonly NamespacedName Client = new("team-a", "app-1234-client");
    private readonly FakeCluster _cluster = new();
    private readonly FakeTimeProvider _time = new(PoolWorld.Now);
    private readonly FakeStore<V1Secret> _store;
    private readonly PoolAuthority _authority;

    public PoolAuthorityTests()
    {
        _store = new FakeStore<V1Secret>(_cluster, IsAuthority);
        _authority = new PoolAuthority(_store, _cluster, new PkiOptions { OperatorNamespace = "slipway-system" }, _time);
    }

    [Fact]
    public async Task IssueClient_WhenTheStoreKnowsTheAuthority_AsksTheServerForNothing()
    {
        var authority = await MakeAsync();
        _cluster.Calls.Clear();

        await IssueAsync(authority.Id);

        _cluster.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task IssueClient_WhenTheStoreLagsBehindWhatWasMade_AsksOnce()
    {
        var authority = await MakeAsync();
        _store.Shows = _ => false;
        _cluster.Calls.Clear();

        await IssueAsync(authority.Id);

        _cluster.Calls.ShouldBe([$"GET Secret slipway-system/{ChildNames.PoolAuthority(PoolWorld.PoolUid)}"]);
    }

    // Under that name every later pass would take it for one that the builder trusts.
    [Fact]
    public async Task IssueClient_WhenThePoolHasAnotherAuthorityNow_IssuesNothing()
    {
        var before = await MakeAsync();
        Delete();
        var after = await MakeAsync();

        after.Id.ShouldNotBe(before.Id);
        await Should.ThrowAsync<AuthorityChangedException>(() => IssueAsync(before.Id));
    }

    [Fact]
    public async Task IssueClient_WhenThePoolHasNoAuthority_MakesNone()
    {
        await Should.ThrowAsync<AuthorityChangedException>(() => IssueAsync(null));

        _cluster.All<V1Secret>().ShouldBeEmpty();
    }

    [Fact]
    public async Task IssueClient_WhenTheBuilderDoesNotSayWhomItTrusts_TakesTheAuthorityThereIs()
    {
        await MakeAsync();

        (await IssueAsync(null)).Data["ca.crt"].ShouldBe(_cluster.All<V1Secret>().Single().Data["tls.crt"]);
    }

    [Fact]
    public async Task IssueClient_WhenIssued_IsImmutableAndEndsWithItsBuild()
    {
        var secret = await IssueAsync((await MakeAsync()).Id);

        secret.Immutable.ShouldBe(true);
        NamespacedName.Of(secret).ShouldBe(Client);
        using var certificate = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(secret.Data["tls.crt"]));
        certificate.NotAfter.ToUniversalTime().ShouldBe(PoolWorld.Now.AddHours(2).UtcDateTime);
        certificate.Subject.ShouldBe("CN=app-1234-client");
    }

    [Fact]
    public async Task IssueClient_WhenAuthorityWasEmptied_SaysWhatToDoWithoutShowingAnything()
    {
        _cluster.Put(new V1Secret
        {
            Metadata = new V1ObjectMeta
            {
                Name = ChildNames.PoolAuthority(PoolWorld.PoolUid),
                NamespaceProperty = "slipway-system",
                Labels = PkiObjects.Authority(PoolWorld.Pool(), Certificates.Authority("x", "0011", PoolWorld.Now), "slipway-system").Metadata.Labels,
            },
        });

        var error = await Should.ThrowAsync<InvalidOperationException>(() => IssueAsync(null));

        error.Message.ShouldContain("delete it");
    }

    [Fact]
    public async Task IssueServer_WhenItLastsTwoMinutes_IsValidForClocksThatAreBehind()
    {
        var authority = await MakeAsync();
        _time.Advance(TimeSpan.FromHours(1));
        var now = _time.GetUtcNow();

        var secret = await _authority.IssueServerAsync(
            PoolWorld.Pool(), authority.Id, new("builders", "x"), "*.x.builders.svc", "0011", now.AddMinutes(2), TestContext.Current.CancellationToken);

        using var certificate = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(secret.Data["tls.crt"]));
        (certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime()).ShouldBe((now.AddMinutes(-5).UtcDateTime, now.AddMinutes(2).UtcDateTime));
    }

    [Fact]
    public async Task Make_WhenAnotherMadeItMeanwhile_TakesThatOne()
    {
        var first = await MakeAsync();
        _store.Shows = _ => false;

        (await MakeAsync()).ShouldBe(first);

        _cluster.All<V1Secret>().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Of_WhenTheSecretIsDeleted_IsNobody()
    {
        var made = await MakeAsync();
        _authority.Of(PoolWorld.Pool()).ShouldBe(made);

        Delete();

        _authority.Of(PoolWorld.Pool()).ShouldBeNull();
    }

    [Fact]
    public async Task Sweep_WhenAPoolAppearsWhileItLists_KeepsItsAuthority()
    {
        await MakeAsync();
        var pools = new List<V1Alpha1BuilderPool>();
        // The pool comes into being after the sweep has begun.
        _store.Shows = _ =>
        {
            if (pools.Count == 0) pools.Add(PoolWorld.Pool());
            return true;
        };

        (await _authority.SweepAsync(() => pools, TestContext.Current.CancellationToken)).ShouldBe(0);

        _cluster.All<V1Secret>().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Sweep_WhenSecretIsNoAuthority_LeavesIt()
    {
        _cluster.Put(new V1Secret { Metadata = new V1ObjectMeta { Name = "registry-password", NamespaceProperty = "slipway-system" } });
        await MakeAsync();

        (await _authority.SweepAsync(() => [], TestContext.Current.CancellationToken)).ShouldBe(1);

        _cluster.All<V1Secret>().ShouldHaveSingleItem().Metadata.Name.ShouldBe("registry-password");
    }

    [Fact]
    public void PoolOf_WhenItIsAnAuthority_IsThePoolThatADeletionWakes()
    {
        var authority = PkiObjects.Authority(PoolWorld.Pool(), Certificates.Authority("x", "0011", PoolWorld.Now), "slipway-system");

        PkiObjects.PoolOf(authority).ShouldBe([new NamespacedName("builders", "farm")]);
        PkiObjects.PoolOf(new V1Secret { Metadata = new V1ObjectMeta() }).ShouldBeEmpty();
        PkiObjects.PoolOf(null).ShouldBeEmpty();
    }

    internal static bool IsAuthority(IMetadata<V1ObjectMeta> secret) =>
        secret.Metadata.Labels is { } labels && labels.TryGetValue(SlipwayApi.ComponentLabel, out var component) && component == PkiObjects.AuthorityComponent;

    private void Delete() => _cluster.Remove<V1Secret>(new NamespacedName("slipway-system", ChildNames.PoolAuthority(PoolWorld.PoolUid)));

    private Task<KnownAuthority> MakeAsync() => _authority.MakeAsync(PoolWorld.Pool(), TestContext.Current.CancellationToken);

    private Task<V1Secret> IssueAsync(string? authority) =>
        _authority.IssueClientAsync(PoolWorld.Pool(), authority, Client, TimeSpan.FromHours(2), TestContext.Current.CancellationToken);
}
