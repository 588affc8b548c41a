using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Slipway.S3;

namespace Slipway.Tests.Unit.S3;

/// <summary>An S3 server on loopback with one bucket. It asks for no signature, and misbehaves on demand.</summary>
internal sealed class FakeS3 : IAsyncDisposable
{
    public const string Bucket = "cache-bucket";

    private static readonly string[] Calls = ["lifecycle", "versioning", "delete"];

    private readonly WebApplication _app;

    private FakeS3(WebApplication app) => _app = app;

    public ConcurrentDictionary<string, (string Body, DateTimeOffset Modified)> Objects { get; } = new();

    /// <summary>What was put last; null where there are no rules.</summary>
    public string? Rules { get; set; }

    public bool Versioned { get; set; }

    public int PageSize { get; set; } = 1000;

    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Asked first; true where it has answered.</summary>
    public Func<HttpContext, Task<bool>> Fault { get; set; } = _ => Task.FromResult(false);

    public string Url => _app.Urls.First();

    public IEnumerable<string> Keys => Objects.Keys.Order(StringComparer.Ordinal);

    public S3Connection Connection => new() { Bucket = Bucket, Region = "us-east-1", EndpointUrl = Url, UsePathStyle = true, Keys = new S3Keys("id", "secret", null) };

    public static async Task<FakeS3> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var server = new FakeS3(app);
        app.Run(server.HandleAsync);
        await app.StartAsync();
        return server;
    }

    public void Add(string key, DateTimeOffset modified, string body = "") => Objects[key] = (body, modified);

    /// <summary>For <see cref="Fault"/>.</summary>
    public static async Task<bool> RefuseAsync(HttpContext context, int status, string code)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/xml";
        await context.Response.WriteAsync($"<Error><Code>{code}</Code><Message>no</Message></Error>");
        return true;
    }

    public static bool IsOfRules(HttpContext context) => context.Request.Query.ContainsKey("lifecycle");

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task HandleAsync(HttpContext context)
    {
        var (request, query) = (context.Request, context.Request.Query);
        var path = request.Path.Value!.TrimStart('/').Split('/', 2);
        var key = path.Length > 1 ? path[1] : "";
        var sub = Calls.FirstOrDefault(query.ContainsKey);
        Requests.Enqueue($"{request.Method} {sub ?? key}");
        if (await Fault(context)) return;
        if (path[0] != Bucket)
        {
            await RefuseAsync(context, 404, "NoSuchBucket");
            return;
        }

        await (sub switch
        {
            "lifecycle" => RulesAsync(context),
            "versioning" => WriteAsync(context, $"<VersioningConfiguration>{(Versioned ? "<Status>Enabled</Status>" : "")}</VersioningConfiguration>"),
            "delete" => DeleteAsync(context),
            _ => key.Length == 0 ? ListAsync(context) : ObjectAsync(context, key),
        });
    }

    private async Task RulesAsync(HttpContext context)
    {
        if (context.Request.Method == "PUT")
        {
            Rules = await BodyAsync(context);
        }
        else
        {
            await (Rules is null ? RefuseAsync(context, 404, "NoSuchLifecycleConfiguration") : WriteAsync(context, Rules));
        }
    }

    private async Task ListAsync(HttpContext context)
    {
        var prefix = context.Request.Query["prefix"].ToString();
        var after = context.Request.Query["continuation-token"].ToString();
        var left = Keys.Where(key => key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(key, after) > 0).ToList();
        var page = left.Take(PageSize).ToList();
        var result = new XElement("ListBucketResult", new XElement("Name", Bucket), new XElement("IsTruncated", left.Count > page.Count));
        if (left.Count > page.Count) result.Add(new XElement("NextContinuationToken", page[^1]));
        foreach (var key in page)
        {
            result.Add(new XElement(
                "Contents",
                new XElement("Key", key),
                new XElement("LastModified", Objects[key].Modified.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)),
                new XElement("Size", Objects[key].Body.Length)));
        }

        await WriteAsync(context, result.ToString());
    }

    private async Task DeleteAsync(HttpContext context)
    {
        foreach (var key in XDocument.Parse(await BodyAsync(context)).Descendants().Where(element => element.Name.LocalName == "Key")) Objects.TryRemove(key.Value, out _);
        await WriteAsync(context, "<DeleteResult/>");
    }

    private async Task ObjectAsync(HttpContext context, string key)
    {
        if (context.Request.Method == "DELETE")
        {
            Objects.TryRemove(key, out _);
            context.Response.StatusCode = StatusCodes.Status204NoContent;
        }
        else if (!Objects.TryGetValue(key, out var found))
        {
            await RefuseAsync(context, 404, "NoSuchKey");
        }
        else
        {
            await WriteAsync(context, found.Body);
        }
    }

    private static async Task<string> BodyAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        return await reader.ReadToEndAsync();
    }

    private static async Task WriteAsync(HttpContext context, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        context.Response.ContentLength = bytes.Length;
        if (context.Request.Method != "HEAD") await context.Response.Body.WriteAsync(bytes);
    }
}
