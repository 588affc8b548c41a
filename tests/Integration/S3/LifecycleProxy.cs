using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Slipway.Tests.S3;

namespace Slipway.Tests.Integration.S3;

/// <summary>Stands before the S3 server and refuses its calls for lifecycle rules; all others go through as they are.</summary>
internal sealed class LifecycleProxy : IAsyncDisposable
{
    private readonly S3Forwarder _server;
    private readonly WebApplication _app;

    private LifecycleProxy(string real, int status, string code)
    {
        _server = new S3Forwarder(real);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.Run(context => context.Request.Query.ContainsKey("lifecycle") ? RefuseAsync(context, status, code) : _server.ForwardAsync(context));
    }

    public string Url => _app.Urls.First();

    public static async Task<LifecycleProxy> StartAsync(string real, int status, string code)
    {
        var proxy = new LifecycleProxy(real, status, code);
        await proxy._app.StartAsync(TestContext.Current.CancellationToken);
        return proxy;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _server.Dispose();
    }

    private static Task RefuseAsync(HttpContext context, int status, string code)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/xml";
        return context.Response.WriteAsync($"<Error><Code>{code}</Code><Message>not here</Message></Error>");
    }
}
