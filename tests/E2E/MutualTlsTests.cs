using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube.Client;
using Slipway.Kube.Informers;

namespace Slipway.Tests.E2E;

/// <summary>A builder talks to nobody but the builds of its pool.</summary>
public sealed class MutualTlsTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static readonly byte[] Http2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x4\0\0\0\0\0"u8.ToArray();

    [Fact]
    public async Task Builder_WhenTheClientHasNoCertificate_RefusesIt() => (await SpeaksAsync(null)).ShouldBeFalse();

    [Fact]
    public async Task Builder_WhenTheClientsCertificateIsOfAnotherAuthority_RefusesIt()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=stranger", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddMinutes(-5), now.AddHours(1));
        (await SpeaksAsync(certificate)).ShouldBeFalse();
    }

    /// <summary>Otherwise the two tests above could pass against a port that answers nobody.</summary>
    [Fact]
    public async Task Builder_WhenTheCertificateIsOfItsPool_Answers()
    {
        var options = new Pki.PkiOptions { OperatorNamespace = "slipway-system" };
        var pool = await fixture.Client.GetAsync<V1Alpha1BuilderPool>(new(ClusterFixture.PoolNamespace, ClusterFixture.PoolName), Cancel);
        var authority = new Pki.PoolAuthority(new Store<V1Secret>([]), fixture.Client, options, TimeProvider.System);
        var secret = await authority.IssueClientAsync(pool, authorityId: null, new(ClusterFixture.PoolNamespace, "e2e"), TimeSpan.FromMinutes(10), Cancel);
        using var certificate = X509Certificate2.CreateFromPem(Text(secret, "tls.crt"), Text(secret, "tls.key"));
        (await SpeaksAsync(certificate)).ShouldBeTrue();
    }

    private static string Text(V1Secret secret, string name) => System.Text.Encoding.UTF8.GetString(secret.Data[name]);

    /// <summary>With TLS 1.3 the refusal comes after the handshake, with the first read: an answer to an HTTP/2 preface is proof.</summary>
    private async Task<bool> SpeaksAsync(X509Certificate2? certificate)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(await BuilderAddressAsync(), 1234);
        await using var tls = new SslStream(tcp.GetStream());
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        try
        {
            await tls.AuthenticateAsClientAsync(Options(certificate), limit.Token);
            await tls.WriteAsync(Http2Preface, limit.Token);
            return await tls.ReadAsync(new byte[9], limit.Token) > 0;
        }
        catch (Exception refused) when (refused is IOException or AuthenticationException)
        {
            return false;
        }
    }

    /// <summary>Whom the client trusts is not what is tested here.</summary>
    private static SslClientAuthenticationOptions Options(X509Certificate2? certificate) => new()
    {
        TargetHost = "builder",
        ApplicationProtocols = [SslApplicationProtocol.Http2],
        ClientCertificates = certificate is null ? null : [certificate],
#pragma warning disable CA5359 // Any server will do.
        RemoteCertificateValidationCallback = (_, _, _, _) => true,
#pragma warning restore CA5359
    };

    private async Task<string> BuilderAddressAsync()
    {
        var page = await fixture.Client.ListPageAsync<V1Pod>(
            new ListQuery { Namespace = ClusterFixture.PoolNamespace, LabelSelector = $"{SlipwayApi.ComponentLabel}={SlipwayApi.BuilderComponent},{SlipwayApi.PoolLabel}={ClusterFixture.PoolName}" }, Cancel);
        return page.Items[0].Status.PodIP;
    }
}
