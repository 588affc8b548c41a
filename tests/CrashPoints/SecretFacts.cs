using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s.Models;
using Slipway.Pki;

namespace Slipway.Tests.CrashPoints;

/// <summary>What a Secret's keys and certificates are good for: they are others in each run.</summary>
internal sealed class SecretFacts(IEnumerable<V1Secret> secrets)
{
    private readonly Dictionary<string, string> _authorities = secrets
        .Where(secret => secret.Metadata.Labels?.Contains(new("app.kubernetes.io/component", PkiObjects.AuthorityComponent)) ?? false)
        .ToDictionary(secret => Text(secret, PkiObjects.CertificateKey), secret => secret.Metadata.Labels["slipway.dev/pool"]);

    public IEnumerable<string> Of(V1Secret secret)
    {
        yield return _authorities.TryGetValue(Text(secret, PkiObjects.CaKey), out var pool) ? $"trusts the authority of {pool}" : "trusts an authority that nobody has";
        using var authority = Certificate(Text(secret, PkiObjects.CaKey), null);
        using var own = Certificate(Text(secret, PkiObjects.CertificateKey), Text(secret, PkiObjects.KeyKey));
        yield return own is null ? "has no certificate with its key" : $"is {own.Subject}";
        if (own?.Extensions.OfType<X509SubjectAlternativeNameExtension>().FirstOrDefault() is { } names) yield return $"answers as {string.Join(", ", names.EnumerateDnsNames())}";
        if (own?.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault() is { } usage) yield return $"may {string.Join(", ", usage.EnhancedKeyUsages.OfType<Oid>().Select(oid => oid.Value))}";
        yield return authority is not null && own is not null && IsSigned(own, authority) ? "is trusted" : "is not trusted";
    }

    private static bool IsSigned(X509Certificate2 certificate, X509Certificate2 authority)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        return chain.Build(certificate);
    }

    private static X509Certificate2? Certificate(string certificate, string? key)
    {
        try
        {
            return key is null ? X509Certificate2.CreateFromPem(certificate) : X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception unreadable) when (unreadable is CryptographicException or ArgumentException)
        {
            return null;
        }
    }

    private static string Text(V1Secret secret, string key) => secret.Data?.TryGetValue(key, out var bytes) ?? false ? Encoding.ASCII.GetString(bytes) : "";
}
