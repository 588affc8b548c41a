using System.Security.Cryptography.X509Certificates;
using Slipway.Pki;

namespace Slipway.Tests.Unit.Pki;

public class CertificatesTests
{
    private const string Serial = "00aabbccddeeff00";
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly CertificatePair Authority = Certificates.Authority("slipway builders/farm", Serial, Now);

    [Fact]
    public void Server_WhenIssued_IsTrustedForEveryPodBehindItsService()
    {
        using var server = Load(Certificates.Server(Authority, "*.farm-linux-amd64.builders.svc", Serial, Now, TimeSpan.FromDays(365)));

        IsTrusted(server, Authority, "1.3.6.1.5.5.7.3.1").ShouldBeTrue();
        server.MatchesHostname("farm-linux-amd64-7.farm-linux-amd64.builders.svc").ShouldBeTrue();
        server.MatchesHostname("farm-linux-amd64-7.farm-linux-amd64.other.svc").ShouldBeFalse();
    }

    [Fact]
    public void Client_WhenIssued_IsNoServerAndServerNoClient()
    {
        using var client = Load(Certificates.Client(Authority, "build", Serial, Now, TimeSpan.FromHours(2)));
        using var server = Load(Certificates.Server(Authority, "*.x.y.svc", Serial, Now, TimeSpan.FromDays(365)));

        IsTrusted(client, Authority, "1.3.6.1.5.5.7.3.2").ShouldBeTrue();
        IsTrusted(client, Authority, "1.3.6.1.5.5.7.3.1").ShouldBeFalse();
        IsTrusted(server, Authority, "1.3.6.1.5.5.7.3.2").ShouldBeFalse();
    }

    [Fact]
    public void Client_WhenAnotherPoolSignedIt_IsNotTrusted()
    {
        var other = Certificates.Authority("slipway builders/farm", Serial, Now);
        using var client = Load(Certificates.Client(other, "build", Serial, Now, TimeSpan.FromHours(2)));

        IsTrusted(client, Authority, "1.3.6.1.5.5.7.3.2").ShouldBeFalse();
    }

    [Fact]
    public void Client_WhenClocksDiffer_IsValidALittleBeforeAndNoLongerThanAsked()
    {
        using var client = Load(Certificates.Client(Authority, "build", Serial, Now, TimeSpan.FromHours(2)));

        client.NotBefore.ToUniversalTime().ShouldBe(Now.AddMinutes(-5).UtcDateTime);
        client.NotAfter.ToUniversalTime().ShouldBe(Now.AddHours(2).UtcDateTime);
    }

    [Fact]
    public void Leaf_WhenItWouldOutliveItsAuthority_EndsWithIt()
    {
        using var client = Load(Certificates.Client(Authority, "build", Serial, Now.AddDays(3649), TimeSpan.FromDays(30)));

        client.NotAfter.ToUniversalTime().ShouldBe((Now + Certificates.AuthorityLifetime).UtcDateTime);
    }

    [Fact]
    public void Serial_WhenSignBitIsSet_StaysPositive()
    {
        using var client = Load(Certificates.Client(Authority, "build", "ffffffffffffffff", Now, TimeSpan.FromHours(1)));

        client.SerialNumber.ShouldBe("7FFFFFFFFFFFFFFF");
    }

    [Fact]
    public void Authority_WhenIssued_SignsNoFurtherAuthorities()
    {
        using var authority = Load(Authority);
        var constraints = authority.Extensions.OfType<X509BasicConstraintsExtension>().ShouldHaveSingleItem();

        (constraints.CertificateAuthority, constraints.HasPathLengthConstraint, constraints.PathLengthConstraint).ShouldBe((true, true, 0));
    }

    [Fact]
    public void Name_WhenLongerThanACommonNameMayBe_IsCut()
    {
        using var client = Load(Certificates.Client(Authority, new string('n', 200) + "/CN=other", Serial, Now, TimeSpan.FromHours(1)));

        client.Subject.ShouldBe("CN=" + new string('n', 64));
    }

    [Fact]
    public void Pair_WhenPrinted_ShowsNoKey()
    {
        Authority.Key.ShouldStartWith("-----BEGIN PRIVATE KEY-----");
        $"{Authority}".ShouldBe("CertificatePair");
    }

    private static X509Certificate2 Load(CertificatePair pair) => X509Certificate2.CreateFromPem(pair.Certificate, pair.Key);

    private static bool IsTrusted(X509Certificate2 certificate, CertificatePair authority, string usage)
    {
        using var root = X509Certificate2.CreateFromPem(authority.Certificate);
        using var chain = new X509Chain
        {
            ChainPolicy =
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                VerificationTime = Now.UtcDateTime,
                VerificationTimeIgnored = false,
            },
        };
        chain.ChainPolicy.CustomTrustStore.Add(root);
        chain.ChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid(usage));
        return chain.Build(certificate);
    }
}
