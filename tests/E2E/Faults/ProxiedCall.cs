using System.Text;
using Microsoft.AspNetCore.Http;

namespace Slipway.Tests.E2E.Faults;

/// <summary>Changes the registry's answer before it goes on; the content may be read and replaced.</summary>
internal delegate Task AnswerChange(HttpResponseMessage answer);

/// <summary>One request on its way, and what a rule may do with it.</summary>
internal sealed class ProxiedCall(HttpContext context, Func<Task> forward, Func<AnswerChange, Task>? forwardChanged)
{
    /// <summary>The registry never hears of it.</summary>
    public static Func<ProxiedCall, Task> Answers(int status, string body = "", params (string Name, string Value)[] headers) => call => call.AnswerAsync(status, body, headers);

    /// <summary>Late, and then as it would have been.</summary>
    public static Func<ProxiedCall, Task> Waits(TimeSpan delay) => async call =>
    {
        await Task.Delay(delay, TimeProvider.System, call.Gone);
        await call.ForwardAsync();
    };

    /// <summary>Not before the test says so.</summary>
    public static Func<ProxiedCall, Task> WaitsFor(Func<Task> gate) => async call =>
    {
        await gate().WaitAsync(call.Gone);
        await call.ForwardAsync();
    };

    /// <summary>The connection ends without an answer.</summary>
    public static Func<ProxiedCall, Task> Cuts() => call =>
    {
        call.Cut();
        return Task.CompletedTask;
    };

    /// <summary>With other headers than it was sent with.</summary>
    public static Func<ProxiedCall, Task> Sends(Action<IHeaderDictionary> change) => call =>
    {
        change(call.Headers);
        return call.ForwardAsync();
    };

    public static Func<ProxiedCall, Task> Rewrites(AnswerChange change) => call => call.ForwardAsync(change);

    public IHeaderDictionary Headers => context.Request.Headers;

    public CancellationToken Gone => context.RequestAborted;

    public Task ForwardAsync() => forward();

    public Task ForwardAsync(AnswerChange change) => forwardChanged?.Invoke(change) ?? throw new InvalidOperationException("The token service's answers are not rewritten.");

    /// <summary>The context tells of it a moment later.</summary>
    public bool IsCut { get; private set; }

    public void Cut()
    {
        IsCut = true;
        context.Abort();
    }

    private Task AnswerAsync(int status, string body, IEnumerable<(string Name, string Value)> headers)
    {
        context.Response.StatusCode = status;
        foreach (var (name, value) in headers) context.Response.Headers[name] = value;
        if (HttpMethods.IsHead(context.Request.Method) || body.Length == 0) return Task.CompletedTask;
        context.Response.ContentType ??= "application/json";
        return context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body), Gone).AsTask();
    }
}
