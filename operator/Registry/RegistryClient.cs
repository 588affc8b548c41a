using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Slipway.Registry;

/// <summary>How to reach a repository.</summary>
internal sealed record RegistryConnection
{
    public required RepositoryName Repository { get; init; }

    public RegistryCredentials? Credentials { get; init; }

    public bool PlainHttp { get; init; }

    /// <summary>PEM of authorities to trust beside the system's.</summary>
    public string? Ca { get; init; }

    /// <summary>Whoever answers is believed, as the pool's owner has asked for.</summary>
    public bool SkipVerify { get; init; }
}

/// <summary>
/// The calls of the OCI distribution API that a publisher needs, for one repository. Everything read is bounded, every
/// digest is computed and compared, and 429, 5xx and a connection that does not come about are tried again
/// for a minute.
/// </summary>
internal sealed partial class RegistryClient(HttpClient http, RegistryConnection connection, TimeProvider time) : IDisposable
{
    /// <summary>Registries take manifests of 4 MiB at most; ours are a few KiB.</summary>
    private const int MaxManifest = 4 * 1024 * 1024;
    private const int MaxTagPage = 4 * 1024 * 1024;
    private const int TagPage = 1000;

    private static readonly string[] Accepted = [MediaTypes.OciIndex, MediaTypes.OciManifest, MediaTypes.DockerList, MediaTypes.DockerManifest];

    private readonly RegistryTransport _transport = new(http, new RegistryAuthorization(http, connection, time), time);

    private Uri Root => new($"{(connection.PlainHttp ? "http" : "https")}://{connection.Repository.ApiHost}/v2/{connection.Repository.Path}/");

    /// <exception cref="FormatException">The connection's CA is no PEM certificate.</exception>
    public static RegistryClient Create(RegistryConnection connection, TimeProvider time)
    {
        var handler = new SocketsHttpHandler
        {
            // Followed by the transport, which knows whose credentials go where.
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
        };
        if (connection.SkipVerify)
        {
#pragma warning disable CA5359 // insecureSkipVerify of a pool's registry says just that.
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (connection.Ca is { } pem)
        {
            handler.SslOptions.RemoteCertificateValidationCallback = RegistryTrust.Validation(RegistryTrust.Authorities(pem));
        }

        return new RegistryClient(new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan }, connection, time);
    }

    /// <summary>By tag or digest; a digest is checked against the bytes.</summary>
    public async Task<ManifestBody> GetManifestAsync(string reference, CancellationToken token)
    {
        var operation = $"GET manifests/{reference}";
        using var response = await SendAsync(HttpMethod.Get, $"manifests/{reference}", operation, null, token);
        var bytes = await _transport.ReadAsync(response, MaxManifest, operation, token);
        var manifest = ManifestBody.Of(MediaTypeOf(response, bytes), bytes);
        Compare(Digests.IsValid(reference) ? reference : HeaderDigest(response), manifest.Digest, operation);
        return manifest;
    }

    /// <summary>The digest that a tag or digest stands for now; null where there is none.</summary>
    public async Task<string?> HeadManifestAsync(string reference, CancellationToken token)
    {
        try
        {
            using var response = await SendAsync(HttpMethod.Head, $"manifests/{reference}", $"HEAD manifests/{reference}", null, token);
            // A registry need not send the header: then the bytes have to tell.
            return HeaderDigest(response) ?? (await GetManifestAsync(reference, token)).Digest;
        }
        catch (RegistryException e) when (e.Fault == RegistryFault.NotFound)
        {
            return null;
        }
    }

    /// <summary>Under a tag or under its own digest; the registry must come to the same digest.</summary>
    public async Task PutManifestAsync(string reference, ManifestBody manifest, CancellationToken token, Func<CancellationToken, Task>? beforeTry = null)
    {
        var operation = $"PUT manifests/{reference}";
        var request = new RegistryRequest(HttpMethod.Put, new Uri(Root, $"manifests/{reference}"), operation)
        {
            Home = Root,
            Body = () => Content(manifest.Bytes, manifest.MediaType),
            BeforeTry = beforeTry,
        };
        using var response = await _transport.SendAsync(request, token);
        Compare(HeaderDigest(response), manifest.Digest, operation);
    }

    /// <summary>Every tag of the repository, page by page; none where there is no such repository.</summary>
    public async Task<IReadOnlyList<string>> ListTagsAsync(CancellationToken token)
    {
        const string operation = "GET tags/list";
        List<string> tags = [];
        try
        {
            for (Uri? page = new(Root, $"tags/list?n={TagPage}"); page is not null;)
            {
                using var response = await _transport.SendAsync(new RegistryRequest(HttpMethod.Get, page, operation) { Home = Root }, token);
                var bytes = await _transport.ReadAsync(response, MaxTagPage, operation, token);
                tags.AddRange(Read(() => JsonSerializer.Deserialize(bytes, OciJson.Default.OciTags), operation)?.Tags ?? []);
                page = NextPage(response, page);
            }
        }
        catch (RegistryException e) when (e.Fault == RegistryFault.NotFound)
        {
            return [];
        }

        return tags;
    }

    /// <summary>A manifest, and with it every tag that stands for it. Gone already is as good.</summary>
    public async Task DeleteManifestAsync(string digest, CancellationToken token)
    {
        try
        {
            using var response = await SendAsync(HttpMethod.Delete, $"manifests/{digest}", $"DELETE manifests/{digest}", null, token);
        }
        catch (RegistryException e) when (e.Fault == RegistryFault.NotFound)
        {
        }
    }

    public async Task<byte[]> GetBlobAsync(string digest, int maxBytes, CancellationToken token)
    {
        var operation = $"GET blobs/{digest}";
        using var response = await SendAsync(HttpMethod.Get, $"blobs/{digest}", operation, null, token);
        var bytes = await _transport.ReadAsync(response, maxBytes, operation, token);
        Compare(digest, Digests.Of(bytes), operation);
        return bytes;
    }

    public async Task<bool> HeadBlobAsync(string digest, CancellationToken token)
    {
        try
        {
            using var response = await SendAsync(HttpMethod.Head, $"blobs/{digest}", $"HEAD blobs/{digest}", null, token);
            return true;
        }
        catch (RegistryException e) when (e.Fault == RegistryFault.NotFound)
        {
            return false;
        }
    }

    /// <summary>In one piece; meant for small blobs.</summary>
    public async Task<string> PutBlobAsync(ReadOnlyMemory<byte> bytes, CancellationToken token)
    {
        var digest = Digests.Of(bytes.Span);
        using var opened = await SendAsync(HttpMethod.Post, "blobs/uploads/", "POST blobs/uploads/", () => Content(default, "application/octet-stream"), token);
        var location = opened.Headers.Location ?? throw new RegistryException(RegistryFault.Corrupt, "POST blobs/uploads/", "the answer names no upload");
        var upload = new UriBuilder(new Uri(Root, location));
        upload.Query = (upload.Query.Length > 1 ? upload.Query[1..] + "&" : "") + "digest=" + Uri.EscapeDataString(digest);
        const string operation = "PUT blobs/uploads/";
        using var stored = await _transport.SendAsync(
            new RegistryRequest(HttpMethod.Put, upload.Uri, operation) { Home = Root, Body = () => Content(bytes, "application/octet-stream") }, token);
        Compare(HeaderDigest(stored), digest, operation);
        return digest;
    }

    /// <summary>The platform that a bare manifest's config names.</summary>
    public async Task<OciPlatform> GetPlatformAsync(ManifestBody manifest, CancellationToken token)
    {
        var config = Read(() => OciManifest.Parse(manifest.Bytes.Span), "GET manifests").Config
            ?? throw new RegistryException(RegistryFault.Corrupt, "GET manifests", "the manifest has no config");
        var bytes = await GetBlobAsync(config.Digest, MaxManifest, token);
        return Read(() => JsonSerializer.Deserialize(bytes, OciJson.Default.OciPlatform), "GET blobs")
            ?? throw new RegistryException(RegistryFault.Corrupt, "GET blobs", "the config is empty");
    }

    /// <summary>The images and attestation statements of an index.</summary>
    public Task<IndexContents> GetContentsAsync(ManifestBody index, CancellationToken token) =>
        AttestationReader.ReadAsync(
            Read(() => OciIndex.Parse(index.Bytes.Span), "GET manifests"),
            async (digest, cancel) =>
            {
                var manifest = await GetManifestAsync(digest, cancel);
                return Read(() => OciManifest.Parse(manifest.Bytes.Span), $"GET manifests/{digest}");
            },
            token);

    public void Dispose() => http.Dispose();

    /// <summary>
    /// As RFC 8288 has it: &lt;/v2/name/tags/list?n=..&amp;last=..&gt;; rel="next". A registry behind a proxy may name itself by another
    /// scheme or host: it is asked where it was asked before.
    /// </summary>
    private static Uri? NextPage(HttpResponseMessage response, Uri page)
    {
        var header = response.Headers.TryGetValues("Link", out var links) ? string.Join(", ", links) : "";
        if (!NextLink().IsMatch(header)) return null;
        return Uri.TryCreate(page, NextLink().Match(header).Groups[1].Value, out var named) && new Uri(page, named.PathAndQuery) is var next && next != page ? next
            : throw new RegistryException(RegistryFault.Corrupt, "GET tags/list", "the registry names a next page that cannot be asked for");
    }

    [GeneratedRegex("""<([^>]*)>[^<]*;\s*rel="?next"?""", RegexOptions.IgnoreCase)]
    private static partial Regex NextLink();

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string operation, Func<HttpContent>? body, CancellationToken token) =>
        _transport.SendAsync(
            new RegistryRequest(method, new Uri(Root, path), operation) { Home = Root, Body = body, Accept = method == HttpMethod.Put ? [] : Accepted }, token);

    private static ReadOnlyMemoryContent Content(ReadOnlyMemory<byte> bytes, string mediaType)
    {
        var content = new ReadOnlyMemoryContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue(mediaType);
        return content;
    }

    private static string? HeaderDigest(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Docker-Content-Digest", out var values) ? values.First() : null;

    private static void Compare(string? said, string computed, string operation)
    {
        if (said is not null && said != computed)
        {
            throw new RegistryException(RegistryFault.Corrupt, operation, $"the content is {computed}, not {(Digests.IsValid(said) ? said : "what the registry says")}");
        }
    }

    /// <summary>The content's own word counts before the header, which proxies are known to change.</summary>
    private static string MediaTypeOf(HttpResponseMessage response, byte[] bytes)
    {
        var header = response.Content.Headers.ContentType?.MediaType;
        var own = Read(() => OciManifest.Parse(bytes), "GET manifests").MediaType;
        return own ?? header ?? throw new RegistryException(RegistryFault.Corrupt, "GET manifests", "the answer has no media type");
    }

    private static T Read<T>(Func<T> parse, string operation)
    {
        try
        {
            return parse();
        }
        catch (JsonException e)
        {
            throw new RegistryException(RegistryFault.Corrupt, operation, "the answer is not the JSON that it should be", e);
        }
    }
}
