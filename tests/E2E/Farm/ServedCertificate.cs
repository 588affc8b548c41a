using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using k8s.Models;

namespace Slipway.Tests.E2E.Farm;

/// <summary>The certificate that a builder shows, by its own handshake.</summary>
internal static class ServedCertificate
{
    /// <summary>Null where nobody answers.</summary>
    public static async Task<X509Certificate2?> ReadAsync(V1Pod pod)
    {
        X509Certificate2? shown = null;
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            using var tcp = new TcpClient();
            await tcp.ConnectAsync(pod.Status.PodIP, 1234, limit.Token);
#pragma warning disable CA5359 // It is looked at, and nothing is sent.
            await using var tls = new SslStream(tcp.GetStream(), false, (_, certificate, _, _) => (shown = new X509Certificate2(certificate!)) is not null);
#pragma warning restore CA5359
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = pod.Metadata.Name }, limit.Token);
        }
        catch (Exception gone) when (gone is IOException or SocketException or AuthenticationException or OperationCanceledException)
        {
            // Without a client certificate it hangs up, after it has shown its own.
        }

        return shown;
    }

    public static string Line(V1Pod pod, X509Certificate2 certificate) => string.Create(CultureInfo.InvariantCulture,
        $"{pod.Metadata.Name} ({pod.Metadata.Uid[..8]}) serves serial {certificate.SerialNumber}, valid from {certificate.NotBefore.ToUniversalTime():O} to {certificate.NotAfter.ToUniversalTime():O}, issuer {certificate.Issuer}");

    public static bool IsSignedBy(X509Certificate2 certificate, V1Secret authority)
    {
        using var root = X509Certificate2.CreateFromPem(System.Text.Encoding.ASCII.GetString(authority.Data["ca.crt"]));
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.CustomTrustStore.Add(root);
        return chain.Build(certificate);
    }
}
