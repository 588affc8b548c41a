using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Slipway.Registry;

namespace Slipway.Tests.Unit.Registry;

public class RegistryTrustTests
{
    private static readonly DateTimeOffset Start = TimeProvider.System.GetUtcNow().AddDays(-1);

    [Theory]
    [InlineData(SslPolicyErrors.None, false, true)]
    [InlineData(SslPolicyErrors.RemoteCertificateChainErrors, true, true)]
    [InlineData(SslPolicyErrors.RemoteCertificateChainErrors, false, false)]
    [InlineData(SslPolicyErrors.RemoteCertificateChainErrors | SslPolicyErrors.RemoteCertificateNameMismatch, true, false)]
    public void Validation_WhenTheSystemHasSpoken_MendsOnlyTheMissingAuthority(SslPolicyErrors errors, bool ours, bool expected)
    {
        using var authority = Authority("ours");
        using var other = Authority("other");
        using var leaf = Leaf(ours ? authority : other);
        var validate = RegistryTrust.Validation(RegistryTrust.Authorities(authority.ExportCertificatePem()));
        validate(this, leaf, null, errors).ShouldBe(expected);
    }

    [Theory]
    [InlineData("")]
    [InlineData("no certificate")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----")]
    public void Authorities_WhenThePemHoldsNone_SaysSo(string pem) => Should.Throw<FormatException>(() => RegistryTrust.Authorities(pem));

    private static X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(Start, Start.AddDays(10));
    }

    private static X509Certificate2 Leaf(X509Certificate2 authority)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest("CN=registry", key, HashAlgorithmName.SHA256).Create(authority, Start, Start.AddDays(5), [1, 2, 3]);
    }
}
