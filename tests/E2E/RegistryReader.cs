using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace Slipway.Tests.E2E;

/// <summary>Asks a registry itself, with nothing of the operator's own code in between.</summary>
internal sealed class RegistryReader : IDisposable
{
    private readonly HttpClient _http;

    public RegistryReader(TestRegistry registry)
    {
        var handler = new SocketsHttpHandler();
        if (registry.CaPath is { } path)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(path);
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }

        _http = new HttpClient(handler) { BaseAddress = new Uri($"{(registry.PlainHttp ? "http" : "https")}://{registry.Dial ?? registry.Host}/v2/") };
        if (registry.User is { } user)
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{registry.Password}")));
        _http.DefaultRequestHeaders.Accept.ParseAdd("application/vnd.oci.image.index.v1+json");
        _http.DefaultRequestHeaders.Accept.ParseAdd("application/vnd.oci.image.manifest.v1+json");
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The digest that a tag points at, or null where there is no such tag.</summary>
    public async Task<string?> DigestAsync(string repository, string tag)
    {
        using var response = await _http.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"{Path(repository)}/manifests/{tag}"));
        if (response.StatusCode == System.Net.HttpStatusCode.NotFound) return null;
        return response.EnsureSuccessStatusCode().Headers.GetValues("Docker-Content-Digest").Single();
    }

    /// <summary>Somebody else's push: the tag points at what the repository has under that digest.</summary>
    public async Task TagAsync(string repository, string tag, string digest)
    {
        using var there = await _http.GetAsync(new Uri($"{Path(repository)}/manifests/{digest}", UriKind.Relative));
        using var content = new ByteArrayContent(await there.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync());
        content.Headers.ContentType = there.Content.Headers.ContentType;
        using var put = await _http.PutAsync(new Uri($"{Path(repository)}/manifests/{tag}", UriKind.Relative), content);
        put.EnsureSuccessStatusCode();
    }

    public async Task<JsonNode> ManifestAsync(string repository, string digest) =>
        JsonNode.Parse(await _http.GetStringAsync(new Uri($"{Path(repository)}/manifests/{digest}", UriKind.Relative)))!;

    public async Task<JsonNode> BlobAsync(string repository, string digest) =>
        JsonNode.Parse(await _http.GetStringAsync(new Uri($"{Path(repository)}/blobs/{digest}", UriKind.Relative)))!;

    public async Task<IReadOnlyList<string>> TagsAsync(string repository) =>
        [.. JsonNode.Parse(await _http.GetStringAsync(new Uri($"{Path(repository)}/tags/list", UriKind.Relative)))!["tags"]!.AsArray().Select(tag => tag!.GetValue<string>())];

    public async Task<bool> HasBlobAsync(string repository, string digest)
    {
        using var response = await _http.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"{Path(repository)}/blobs/{digest}"));
        return response.IsSuccessStatusCode;
    }

    /// <summary>From this repository alone, whatever still names it.</summary>
    public async Task DeleteBlobAsync(string repository, string digest)
    {
        using var response = await _http.DeleteAsync(new Uri($"{Path(repository)}/blobs/{digest}", UriKind.Relative));
        response.EnsureSuccessStatusCode();
    }

    private static string Path(string repository) => repository[(repository.IndexOf('/', StringComparison.Ordinal) + 1)..];
}
