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

    [Fact]
    public async Task IssueClient_WhenCalledAgain_AsksTheServerOnlyOnce()
    {
        var authority = Authority();
        await IssueAsync(authority);
        _cluster.Calls.Clear();

        await IssueAsync(authority);

        _cluster.Calls.ShouldBeEmpty();
    }

    [Fact]
    public async Task IssueClient_WhenOperatorHasRestarted_UsesTheSameAuthority()
    {
        var before = await IssueAsync(Authority());
        var after = await IssueAsync(Authority());

        after.Data["ca.crt"].ShouldBe(before.Data["ca.crt"]);
        after.Data["tls.key"].ShouldNotBe(before.Data["tls.key"]);
        _cluster.All<V1Secret>().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task IssueClient_WhenAnotherMadeTheAuthorityMeanwhile_UsesThatOne()
    {
        var other = await IssueAsync(Authority());
        var kept = _cluster.All<V1Secret>().Single();
        _cluster.Remove<V1Secret>(NamespacedName.Of(kept));
        _cluster.OnCall = call => { if (call.StartsWith("CREATE", StringComparison.Ordinal)) _cluster.Put(kept); };

        var mine = await IssueAsync(Authority());

        mine.Data["ca.crt"].ShouldBe(other.Data["ca.crt"]);
    }

    [Fact]
    public async Task IssueClient_WhenIssued_IsImmutableAndEndsWithItsBuild()
    {
        var secret = await IssueAsync(Authority());

        secret.Immutable.ShouldBe(true);
        NamespacedName.Of(secret).ShouldBe(Client);
        using var certificate = X509Certificate2.CreateFromPem(Encoding.ASCII.GetString(secret.Data["tls.crt"]));
        certificate.NotAfter.ToUniversalTime().ShouldBe(PoolWorld.Now.AddHours(2).UtcDateTime);
        certificate.Subject.ShouldBe("CN=app-1234-client");
    }

    [Fact]
    public async Task IssueClient_WhenAuthorityWasEmptied_SaysWhatToDoWithoutShowingAnything()
    {
        _cluster.Put(new V1Secret { Metadata = new V1ObjectMeta { Name = ChildNames.PoolAuthority(PoolWorld.PoolUid), NamespaceProperty = "slipway-system" } });

        var error = await Should.ThrowAsync<InvalidOperationException>(() => IssueAsync(Authority()));

        error.Message.ShouldContain("delete it");
    }

    [Fact]
    public async Task Sweep_WhenAPoolAppearsWhileItLists_KeepsItsAuthority()
    {
        var authority = Authority();
        var pools = new List<V1Alpha1BuilderPool>();
        // Pool and authority come into being after the sweep has begun.
        _cluster.OnCall = call =>
        {
            if (!call.StartsWith("LIST", StringComparison.Ordinal) || pools.Count > 0) return;
            pools.Add(PoolWorld.Pool());
            _cluster.Put(PkiObjects.Authority(PoolWorld.Pool(), Certificates.Authority("x", "0011", PoolWorld.Now), "slipway-system"));
        };

        (await authority.SweepAsync(() => pools, TestContext.Current.CancellationToken)).ShouldBe(0);

        _cluster.All<V1Secret>().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task Sweep_WhenSecretIsNoAuthority_LeavesIt()
    {
        _cluster.Put(new V1Secret { Metadata = new V1ObjectMeta { Name = "registry-password", NamespaceProperty = "slipway-system" } });
        await IssueAsync(Authority());

        (await Authority().SweepAsync(() => [], TestContext.Current.CancellationToken)).ShouldBe(1);

        _cluster.All<V1Secret>().ShouldHaveSingleItem().Metadata.Name.ShouldBe("registry-password");
    }

    private PoolAuthority Authority() => new(_cluster, new PkiOptions { OperatorNamespace = "slipway-system" }, _time);

    private static Task<V1Secret> IssueAsync(PoolAuthority authority) =>
        authority.IssueClientAsync(PoolWorld.Pool(), Client, TimeSpan.FromHours(2), TestContext.Current.CancellationToken);
}
