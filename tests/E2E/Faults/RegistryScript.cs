using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace Slipway.Tests.E2E.Faults;

/// <summary>Rules for one test's requests, the first that fits a request decides; and what came of each request.</summary>
internal sealed class RegistryScript
{
    private readonly ConcurrentQueue<ProxiedRequest> _requests = new();
    private readonly Lock _lock = new();
    private IReadOnlyList<RegistryRule> _rules = [];

    /// <summary>In the order of their ends.</summary>
    public IReadOnlyList<ProxiedRequest> Requests => [.. _requests];

    /// <summary>A line a request.</summary>
    public IReadOnlyList<string> Record => [.. Requests.Select(request => request.ToString())];

    /// <summary>The rule holds until it is disposed of.</summary>
    public IDisposable Add(RegistryRule rule)
    {
        lock (_lock) _rules = [.. _rules, rule];
        return new Removal(() =>
        {
            lock (_lock) _rules = [.. _rules.Where(other => other != rule)];
        });
    }

    public async Task PlayAsync(HttpContext context, Func<Task> forward, Func<AnswerChange, Task>? forwardChanged)
    {
        var started = TimeProvider.System.GetTimestamp();
        var rule = RuleFor(context.Request);
        var outcome = "";
        try
        {
            var call = new ProxiedCall(context, forward, forwardChanged);
            await (rule is null ? forward() : rule.Action(call));
            outcome = call.IsCut || context.RequestAborted.IsCancellationRequested ? "cut" : context.Response.StatusCode.ToString(CultureInfo.InvariantCulture);
        }
        catch (Exception gone) when (context.RequestAborted.IsCancellationRequested && gone is OperationCanceledException or HttpRequestException or IOException)
        {
            outcome = "the client went";
        }
        finally
        {
            _requests.Enqueue(new ProxiedRequest
            {
                Ended = TimeProvider.System.GetUtcNow(),
                Took = TimeProvider.System.GetElapsedTime(started),
                Client = $"{context.Connection.RemoteIpAddress}",
                Method = context.Request.Method,
                Path = context.Request.Path.Value ?? "",
                Outcome = outcome,
                Rule = rule?.Name,
            });
        }
    }

    private RegistryRule? RuleFor(HttpRequest request)
    {
        lock (_lock) return _rules.FirstOrDefault(rule => rule.Takes(request));
    }

    private sealed class Removal(Action remove) : IDisposable
    {
        public void Dispose() => remove();
    }
}

/// <summary>One request and what came of it.</summary>
internal sealed record ProxiedRequest
{
    public required DateTimeOffset Ended { get; init; }

    public required TimeSpan Took { get; init; }

    public required string Client { get; init; }

    public required string Method { get; init; }

    public required string Path { get; init; }

    /// <summary>The status that the client got, or how it got none.</summary>
    public required string Outcome { get; init; }

    /// <summary>The rule that decided; null where it went through as it was.</summary>
    public required string? Rule { get; init; }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Ended:HH:mm:ss.fff} {Client} {Method} {Path}: {Outcome}{(Rule is null ? "" : $" ({Rule})")}, {Took.TotalMilliseconds:0} ms");
}

/// <summary>What to do with requests of a method and a path, all of them or some.</summary>
internal sealed class RegistryRule(string name, string method, string path, Func<ProxiedCall, Task> action)
{
    private readonly Regex _method = new($"^(?:{method})$", RegexOptions.CultureInvariant);
    private readonly Regex _path = new(path, RegexOptions.CultureInvariant);
    private int _seen;

    /// <summary>For the record.</summary>
    public string Name => name;

    public Func<ProxiedCall, Task> Action => action;

    /// <summary>A name that the query has to have; null where any may.</summary>
    public string? Query { get; init; }

    /// <summary>So many go through before the first that it takes.</summary>
    public int After { get; init; }

    /// <summary>So many it takes.</summary>
    public int Times { get; init; } = int.MaxValue;

    /// <summary>How many it has taken.</summary>
    public int Taken => Math.Clamp(Volatile.Read(ref _seen) - After, 0, Times);

    public bool Takes(HttpRequest request)
    {
        if (!_method.IsMatch(request.Method) || !_path.IsMatch(request.Path.Value ?? "")) return false;
        if (Query is not null && !request.Query.ContainsKey(Query)) return false;
        var number = ++_seen;
        return number > After && number - After <= Times;
    }
}
