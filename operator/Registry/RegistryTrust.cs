using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Slipway.Registry;

/// <summary>Trusts what the system trusts, and the given authorities beside.</summary>
internal static class RegistryTrust
{
    /// <exception cref="FormatException">The PEM holds no certificate that can be read.</exception>
    public static X509Certificate2Collection Authorities(string pem)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(pem);
        }
        catch (CryptographicException)
        {
            throw new FormatException("the registry's CA is no PEM certificate");
        }

        return authorities.Count > 0 ? authorities : throw new FormatException("the registry's CA holds no PEM certificate");
    }

    public static RemoteCertificateValidationCallback Validation(X509Certificate2Collection authorities) => (_, certificate, chain, errors) =>
    {
        if (errors == SslPolicyErrors.None)
        {
            return true;
        }

        // Only the chain may be mended by another root: a certificate for another name stays refused.
        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 leaf)
        {
            return false;
        }

        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(authorities);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        own.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        own.ChainPolicy.ExtraStore.AddRange(Sent(chain));
        return own.Build(leaf);
    };

    private static X509Certificate2Collection Sent(X509Chain? chain) =>
        [.. chain?.ChainElements.Select(element => element.Certificate) ?? [], .. chain?.ChainPolicy.ExtraStore ?? []];
}
