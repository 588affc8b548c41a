using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Slipway.Pki;

/// <summary>
/// Issues the certificates of a pool: one authority, servers for builders, clients for builds. Time and serial come from the caller.
/// </summary>
internal static class Certificates
{
    public static readonly TimeSpan AuthorityLifetime = TimeSpan.FromDays(3650);

    /// <summary>Clocks of nodes differ: a certificate that begins this moment is not valid yet for some of them.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>X.520's limit of a common name.</summary>
    private const int CommonNameLimit = 64;

    public static CertificatePair Authority(string commonName, string serial, DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var name = Name(commonName);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        // No intermediate authorities: a pool's authority signs builders and builds, and nothing that signs further.
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var signer = X509SignatureGenerator.CreateForECDsa(key);
        using var certificate = request.Create(name, signer, now - ClockSkew, now + AuthorityLifetime, SerialBytes(serial));
        return new CertificatePair(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>For builders behind <paramref name="dnsName"/>, such as *.service.namespace.svc.</summary>
    public static CertificatePair Server(CertificatePair authority, string dnsName, string serial, DateTimeOffset now, TimeSpan lifetime)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(dnsName);
        // The subject is of no use beside the alternative name, and a long service name would not fit into it.
        return Leaf(authority, "buildkitd", ServerAuthentication, names.Build(), serial, now, lifetime);
    }

    public static CertificatePair Client(
        CertificatePair authority, string commonName, string serial, DateTimeOffset now, TimeSpan lifetime) =>
        Leaf(authority, commonName, ClientAuthentication, null, serial, now, lifetime);

    private static CertificatePair Leaf(
        CertificatePair authority, string commonName, string usage, X509Extension? names, string serial,
        DateTimeOffset now, TimeSpan lifetime)
    {
        using var issuer = X509Certificate2.CreateFromPem(authority.Certificate, authority.Key);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(Name(commonName), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, true, false));
        if (names is not null) request.CertificateExtensions.Add(names);
        // A leaf that begins before its authority or outlives it would be refused.
        var begins = Latest(now - ClockSkew, issuer.NotBefore);
        var ends = Earliest(now + lifetime, issuer.NotAfter);
        using var certificate = request.Create(issuer, begins, ends, SerialBytes(serial));
        return new CertificatePair(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    private static X500DistinguishedName Name(string commonName)
    {
        var name = new X500DistinguishedNameBuilder();
        name.AddCommonName(commonName.Length <= CommonNameLimit ? commonName : commonName[..CommonNameLimit]);
        return name.Build();
    }

    /// <summary>Serials are positive: the sign bit off, and the bit below it on, so that none begins with a zero byte.</summary>
    private static byte[] SerialBytes(string hexadecimal)
    {
        var bytes = Convert.FromHexString(hexadecimal);
        bytes[0] = (byte)((bytes[0] & 0x7f) | 0x40);
        return bytes;
    }

    private static DateTimeOffset Earliest(DateTimeOffset wanted, DateTimeOffset limit) => wanted < limit ? wanted : limit;

    private static DateTimeOffset Latest(DateTimeOffset wanted, DateTimeOffset limit) => wanted > limit ? wanted : limit;
}
