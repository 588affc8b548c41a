using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Slipway.Tests.S3;

/// <summary>Hands calls on to an S3 server as they are, with the name of the host that they were signed for.</summary>
internal sealed class S3Forwarder(string real) : IDisposable
{
    private static readonly HashSet<string> OfTheConnection = new(StringComparer.OrdinalIgnoreCase) { "Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Expect" };

    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });

    public void Dispose() => _http.Dispose();

    public async Task ForwardAsync(HttpContext context)
    {
        using var request = RequestOf(context);
        using var answer = await _http.SendAsync(request, context.RequestAborted);
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers))
        {
            if (!OfTheConnection.Contains(name)) context.Response.Headers[name] = values.ToArray();
        }

        if (!HttpMethods.IsHead(context.Request.Method)) await answer.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    private HttpRequestMessage RequestOf(HttpContext context)
    {
        var asked = context.Request;
        // As it was signed: a path that is read and written anew may be escaped in another way.
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var request = new HttpRequestMessage(new HttpMethod(asked.Method), new Uri(real + target));
        if (asked.ContentLength is > 0 || HttpMethods.IsPut(asked.Method)) request.Content = new StreamContent(asked.Body);
        foreach (var (name, values) in asked.Headers)
        {
            if (OfTheConnection.Contains(name)) continue;
            if (!request.Headers.TryAddWithoutValidation(name, values.ToArray())) request.Content?.Headers.TryAddWithoutValidation(name, values.ToArray());
        }

        return request;
    }
}
