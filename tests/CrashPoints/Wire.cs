using System.Net;

namespace Slipway.Tests.CrashPoints;

/// <summary>
/// Stands between one life of the operator and the API server: notes every write, and at the chosen one the operator dies. From then
/// on nothing of it reaches the server any more, and it learns of nothing.
/// </summary>
internal sealed class Wire(Mask mask, CrashPoint? point)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<CallSite, int> _counts = [];
    private readonly List<CallSite> _sites = [];
    private readonly TaskCompletionSource _died = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Died => _died.Task;

    public IReadOnlyList<CallSite> Sites
    {
        get
        {
            lock (_lock) return [.. _sites];
        }
    }

    public DelegatingHandler Handler() => new Tap(this);

    /// <summary>Null for what only reads, and for leases and events: the one is not there, and the other may get lost.</summary>
    private async Task<CallSite?> NoteAsync(HttpRequestMessage request)
    {
        if (request.Method == HttpMethod.Get) return null;
        var write = await Write.OfAsync(request);
        if (write.Resource is "leases" or "events") return null;
        lock (_lock)
        {
            var first = new CallSite(write.Verb, write.Resource, mask.Name(write.Target), 1);
            return first with { Ordinal = _counts[first] = _counts.GetValueOrDefault(first) + 1 };
        }
    }

    /// <summary>A patch that is refused does not count: it came from a store that was behind, changes nothing, and is not there in the next run.</summary>
    private void Keep(CallSite? site, HttpResponseMessage response)
    {
        if (site is null) return;
        lock (_lock)
        {
            if (site.Verb == "patch" && response.StatusCode == HttpStatusCode.Conflict) _counts[site with { Ordinal = 1 }]--;
            else _sites.Add(site);
        }
    }

    private void DieIfAt(CallSite? site, bool after)
    {
        if (point is not null && point.Site == site && point.After == after) _died.TrySetResult();
        if (_died.Task.IsCompleted) throw new HttpRequestException("The operator is dead.");
    }

    private sealed class Tap(Wire wire) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var site = await wire.NoteAsync(request);
            wire.DieIfAt(site, after: false);
            var response = await base.SendAsync(request, cancellationToken);
            wire.DieIfAt(site, after: true);
            wire.Keep(site, response);
            return response;
        }
    }
}
