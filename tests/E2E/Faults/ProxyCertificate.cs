using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Slipway.Tests.E2E.Faults;

/// <summary>A CA that nobody knows, and a server's certificate by it.</summary>
internal sealed record ProxyCertificate(string CaPath, X509Certificate2 Server)
{
    public static ProxyCertificate Of(string address)
    {
        var now = TimeProvider.System.GetUtcNow();
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authority = new CertificateRequest("CN=CA of the tests", authorityKey, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var root = authority.CreateSelfSigned(now.AddHours(-1), now.AddDays(1));
        var path = Path.Combine(AppContext.BaseDirectory, "proxy-ca.crt");
        File.WriteAllText(path, root.ExportCertificatePem());
        return new ProxyCertificate(path, Signed(root, IPAddress.Parse(address), now));
    }

    private static X509Certificate2 Signed(X509Certificate2 root, IPAddress address, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=registry of the tests", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(address);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(root, now.AddHours(-1), now.AddHours(23), RandomNumberGenerator.GetBytes(16));
        return certificate.CopyWithPrivateKey(key);
    }
}
