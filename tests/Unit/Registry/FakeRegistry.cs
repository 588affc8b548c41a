using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Slipway.Registry;

namespace Slipway.Tests.Unit.Registry;

/// <summary>A registry on loopback that keeps what it is given and misbehaves on demand.</summary>
internal sealed class FakeRegistry : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeRegistry(WebApplication app) => _app = app;

    /// <summary>By reference (tag or digest).</summary>
    public ConcurrentDictionary<string, ManifestBody> Manifests { get; } = new();

    public ConcurrentDictionary<string, byte[]> Blobs { get; } = new();

    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Asked first; true where it has answered.</summary>
    public Func<HttpContext, Task<bool>> Fault { get; set; } = _ => Task.FromResult(false);

    /// <summary>How a page of tags names the next one.</summary>
    public Func<string, string> NextPage { get; set; } = path => $"<{path}>; rel=\"next\"";

    public string Host => new Uri(_app.Urls.First()).Authority;

    public static async Task<FakeRegistry> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var registry = new FakeRegistry(app);
        app.Run(registry.HandleAsync);
        await app.StartAsync();
        return registry;
    }

    public RegistryConnection Connection(RegistryCredentials? credentials = null) =>
        new() { Repository = RepositoryName.Parse($"{Host}/team/app"), PlainHttp = true, Credentials = credentials };

    public void Add(ManifestBody manifest) => Manifests[manifest.Digest] = manifest;

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task HandleAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        Requests.Enqueue($"{request.Method} {request.Path}");
        if (await Fault(context))
        {
            return;
        }

        var name = request.Path.Value!.Split('/')[^1];
        if (request.Path.Value.Contains("/blobs/", StringComparison.Ordinal))
        {
            await BlobAsync(context, name);
        }
        else if (request.Method == "PUT")
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            var manifest = ManifestBody.Of(request.ContentType!, body.ToArray());
            Manifests[name] = Manifests[manifest.Digest] = manifest;
            response.Headers["Docker-Content-Digest"] = manifest.Digest;
            response.StatusCode = StatusCodes.Status201Created;
        }
        else if (request.Path.Value.EndsWith("/tags/list", StringComparison.Ordinal))
        {
            await TagsAsync(context);
        }
        else if (request.Method == "DELETE")
        {
            var gone = Manifests.Where(entry => entry.Value.Digest == name).Select(entry => entry.Key).ToList();
            gone.ForEach(reference => Manifests.TryRemove(reference, out _));
            response.StatusCode = gone.Count > 0 ? StatusCodes.Status202Accepted : StatusCodes.Status404NotFound;
        }
        else if (Manifests.TryGetValue(name, out var manifest))
        {
            response.Headers["Docker-Content-Digest"] = manifest.Digest;
            response.ContentType = manifest.MediaType;
            await WriteAsync(context, manifest.Bytes);
        }
        else
        {
            response.StatusCode = StatusCodes.Status404NotFound;
        }
    }

    /// <summary>Two at a time, whatever is asked for.</summary>
    private async Task TagsAsync(HttpContext context)
    {
        var last = context.Request.Query["last"].ToString();
        var page = Manifests.Keys.Where(ImageReference.IsTag).Order(StringComparer.Ordinal).SkipWhile(tag => string.CompareOrdinal(tag, last) <= 0 && last.Length > 0).Take(3).ToList();
        if (page.Count > 2) context.Response.Headers.Link = NextPage($"{context.Request.Path}?n=2&last={page[1]}");
        await context.Response.WriteAsJsonAsync(new { name = "x", tags = page.Take(2) });
    }

    private async Task BlobAsync(HttpContext context, string name)
    {
        var (request, response) = (context.Request, context.Response);
        if (request.Method == "POST")
        {
            response.Headers.Location = $"{request.Path}one?state=x";
            response.StatusCode = StatusCodes.Status202Accepted;
        }
        else if (request.Method == "PUT")
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            Blobs[request.Query["digest"].ToString()] = body.ToArray();
            response.StatusCode = StatusCodes.Status201Created;
        }
        else if (Blobs.TryGetValue(name, out var blob))
        {
            await WriteAsync(context, blob);
        }
        else
        {
            response.StatusCode = StatusCodes.Status404NotFound;
        }
    }

    private static async Task WriteAsync(HttpContext context, ReadOnlyMemory<byte> bytes)
    {
        context.Response.ContentLength = bytes.Length;
        if (context.Request.Method != "HEAD")
        {
            await context.Response.Body.WriteAsync(bytes);
        }
    }
}
