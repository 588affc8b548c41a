using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Slipway.Tests.Integration.S3;

/// <summary>
/// Stands before the S3 server and refuses its calls for lifecycle rules; all others go through as they are, with the name of
/// the host that they were signed for.
/// </summary>
internal sealed class LifecycleProxy : IAsyncDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
    private readonly WebApplication _app;

    private LifecycleProxy(string real, int status, string code)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.Run(context => context.Request.Query.ContainsKey("lifecycle") ? RefuseAsync(context, status, code) : ForwardAsync(context, real));
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
        _http.Dispose();
    }

    private static Task RefuseAsync(HttpContext context, int status, string code)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/xml";
        return context.Response.WriteAsync($"<Error><Code>{code}</Code><Message>not here</Message></Error>");
    }

    private async Task ForwardAsync(HttpContext context, string real)
    {
        var (request, response) = (context.Request, context.Response);
        // As it was signed: a path that is read and written anew may be escaped in another way.
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        using var message = new HttpRequestMessage(new HttpMethod(request.Method), new Uri(real + target)) { Content = request.ContentLength > 0 ? new StreamContent(request.Body) : null };
        foreach (var (name, values) in request.Headers)
        {
            if (!message.Headers.TryAddWithoutValidation(name, values.AsEnumerable())) message.Content?.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
        }

        using var answer = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers)) response.Headers[name] = values.ToArray();
        response.Headers.Remove("Transfer-Encoding");
        await answer.Content.CopyToAsync(response.Body, context.RequestAborted);
    }
}
