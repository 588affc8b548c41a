using System.Text.Json.Nodes;
using System.Threading.Channels;
using k8s;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Slipway.Kube;

namespace Slipway.Tests.Unit.Kube;

/// <summary>
/// An API server that knows nothing: the test takes each request as it comes and says what the answer is, byte for byte and at the
/// moment of its choice. A request that is never answered hangs.
/// </summary>
internal sealed class ScriptedApiServer : IAsyncDisposable
{
    // A test that waits this long has failed; nothing else depends on it.
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Channel<Exchange> _requests = Channel.CreateUnbounded<Exchange>();
    private readonly CancellationTokenSource _stop = new();
    private readonly WebApplication _app;

    private ScriptedApiServer()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(ServeAsync);
    }

    public static async Task<ScriptedApiServer> StartAsync()
    {
        var server = new ScriptedApiServer();
        await server._app.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    /// <summary>Options that lead here; chance is switched off.</summary>
    public OperatorOptions Options()
    {
        var options = new OperatorOptions();
        Configure(options);
        return options;
    }

    public void Configure(OperatorOptions options)
    {
        options.Cluster = new KubernetesClientConfiguration { Host = _app.Urls.Single() };
        options.Jitter = () => 0;
    }

    /// <summary>The next request that arrives.</summary>
    public async Task<Exchange> NextAsync() =>
        await _requests.Reader.ReadAsync(TestContext.Current.CancellationToken).Soon();

    /// <summary>Whether a request has arrived that nobody has taken.</summary>
    public bool HasMore => _requests.Reader.TryPeek(out _);

    public async Task<Exchange> NextListAsync()
    {
        var exchange = await NextAsync();
        exchange.Query.ContainsKey("watch").ShouldBeFalse();
        return exchange;
    }

    public async Task<Exchange> NextWatchAsync()
    {
        var exchange = await NextAsync();
        exchange.Query["watch"].ToString().ShouldBe("true");
        return exchange;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _app.DisposeAsync();
        _stop.Dispose();
    }

    private async Task ServeAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var exchange = new Exchange(context, await reader.ReadToEndAsync(context.RequestAborted));
        await _requests.Writer.WriteAsync(exchange, context.RequestAborted);
        using var stopped = _stop.Token.Register(exchange.Finish);
        await exchange.Finished;
    }
}

/// <summary>One request and its answer.</summary>
internal sealed class Exchange
{
    private readonly TaskCompletionSource _finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HttpContext _context;

    public Exchange(HttpContext context, string body)
    {
        _context = context;
        Body = body;
        (Method, Path, Query) = (context.Request.Method, context.Request.Path.ToString(), context.Request.Query);
        (ContentType, UserAgent) = (context.Request.ContentType, context.Request.Headers.UserAgent.ToString());
        Authorization = context.Request.Headers.Authorization.ToString();
        context.RequestAborted.Register(Finish);
    }

    public string Method { get; }

    public string Path { get; }

    public IQueryCollection Query { get; }

    public string Body { get; }

    public string? ContentType { get; }

    public string UserAgent { get; }

    public string Authorization { get; }

    public JsonNode Json => JsonNode.Parse(Body)!;

    /// <summary>Completes when the answer is over, or when the client has closed the connection.</summary>
    public Task Finished => _finished.Task;

    public void Finish() => _finished.TrySetResult();

    public async Task AnswerAsync(JsonNode body, int status = 200, string? retryAfter = null) =>
        await AnswerAsync(body.ToJsonString(), status, retryAfter);

    public async Task AnswerAsync(string body, int status = 200, string? retryAfter = null)
    {
        _context.Response.StatusCode = status;
        _context.Response.ContentType = "application/json";
        if (retryAfter is not null)
        {
            _context.Response.Headers.RetryAfter = retryAfter;
        }

        await _context.Response.WriteAsync(body);
        Finish();
    }

    public Task FailAsync(int status, string reason, string message = "no", string? retryAfter = null) =>
        AnswerAsync(Status(status, reason, message), status, retryAfter);

    public async Task<Exchange> OpenAsync()
    {
        _context.Response.ContentType = "application/json";
        await _context.Response.StartAsync();
        await _context.Response.Body.FlushAsync();
        return this;
    }

    public Task SendAsync(string type, JsonNode entity) =>
        SendLineAsync(new JsonObject { ["type"] = type, ["object"] = entity.DeepClone() }.ToJsonString() + "\n");

    public async Task SendLineAsync(string text)
    {
        await _context.Response.WriteAsync(text);
        await _context.Response.Body.FlushAsync();
    }

    /// <summary>Tears the connection, in the middle of whatever was being said.</summary>
    public void Break()
    {
        _context.Features.Get<IHttpRequestLifetimeFeature>()!.Abort();
        Finish();
    }

    public static JsonObject Status(int code, string reason, string message = "no") => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "Status",
        ["metadata"] = new JsonObject(),
        ["status"] = "Failure",
        ["code"] = code,
        ["reason"] = reason,
        ["message"] = message,
    };
}
