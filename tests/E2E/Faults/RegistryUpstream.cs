using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Slipway.Tests.E2E.Faults;

/// <summary>The registry behind the proxy. It is told by what address it was asked, so that uploads go on through the proxy.</summary>
internal sealed class RegistryUpstream : IDisposable
{
    private static readonly HashSet<string> OfTheConnection = new(StringComparer.OrdinalIgnoreCase) { "Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Host", "Expect" };

    private readonly HttpMessageInvoker _http;
    private readonly Uri _address;
    private readonly string _owner;

    public RegistryUpstream(TestRegistry real)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(real.CaPath ?? throw new ArgumentException("The cluster's registry has TLS.", nameof(real)));
        _http = new HttpMessageInvoker(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy } });
        _address = new Uri($"https://{real.Host}");
        _owner = $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{real.User}:{real.Password}"))}";
    }

    public void Dispose() => _http.Dispose();

    /// <summary>With the client's own authorization, or with the password.</summary>
    public async Task ForwardAsync(HttpContext context, bool asOwner, AnswerChange? change)
    {
        using var request = RequestOf(context.Request, asOwner);
        using var answer = await _http.SendAsync(request, context.RequestAborted);
        if (change is not null) await change(answer);
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers))
        {
            if (!OfTheConnection.Contains(name)) context.Response.Headers[name] = values.ToArray();
        }

        if (!HttpMethods.IsHead(context.Request.Method)) await answer.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    private HttpRequestMessage RequestOf(HttpRequest asked, bool asOwner)
    {
        var request = new HttpRequestMessage(new HttpMethod(asked.Method), new Uri(_address, $"{asked.Path}{asked.QueryString}"));
        if (asked.ContentLength is > 0 || asked.Headers.TransferEncoding.Count > 0 || HttpMethods.IsPut(asked.Method)) request.Content = new StreamContent(asked.Body);
        foreach (var (name, values) in asked.Headers)
        {
            if (OfTheConnection.Contains(name)) continue;
            if (!request.Headers.TryAddWithoutValidation(name, values.ToArray())) request.Content?.Headers.TryAddWithoutValidation(name, values.ToArray());
        }

        request.Headers.Host = asked.Host.Value;
        request.Headers.TryAddWithoutValidation("X-Forwarded-Proto", asked.Scheme);
        if (asOwner)
        {
            request.Headers.Remove("Authorization");
            request.Headers.TryAddWithoutValidation("Authorization", _owner);
        }

        return request;
    }
}
