using k8s;
using Slipway.Kube;

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
        var target = await WriteTarget.OfAsync(request);
        if (target.Resource is "leases" or "events") return null;
        lock (_lock)
        {
            var first = new CallSite(target.Verb, target.Resource, mask.Name($"{target.Key}"), 1);
            var site = first with { Ordinal = _counts[first] = _counts.GetValueOrDefault(first) + 1 };
            if (!_died.Task.IsCompleted) _sites.Add(site);
            return site;
        }
    }

    private void DieIf(bool isHere)
    {
        if (isHere) _died.TrySetResult();
        if (_died.Task.IsCompleted) throw new HttpRequestException("The operator is dead.");
    }

    private sealed class Tap(Wire wire) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var site = await wire.NoteAsync(request);
            wire.DieIf(IsAt(site, after: false));
            var response = await base.SendAsync(request, cancellationToken);
            wire.DieIf(IsAt(site, after: true));
            return response;
        }

        private bool IsAt(CallSite? site, bool after) => site is not null && wire.IsAt(site, after);
    }

    private bool IsAt(CallSite site, bool after) => point is not null && point.Site == site && point.After == after;

    /// <summary>What a request writes to, read from its address and, for a create, its body.</summary>
    private sealed record WriteTarget(string Verb, string Resource, NamespacedName Key)
    {
        public static async Task<WriteTarget> OfAsync(HttpRequestMessage request)
        {
            // api/VERSION or apis/GROUP/VERSION, then namespaces/NAMESPACE/PLURAL[/NAME[/SUBRESOURCE]].
            var parts = request.RequestUri!.AbsolutePath.Trim('/').Split('/');
            var path = parts[(parts[0] == "api" ? 3 : 4)..];
            var name = path.Length > 2 ? path[2] : await NameInAsync(request);
            return new WriteTarget(VerbOf(request), string.Join('/', path[1..2].Concat(path.Skip(3))), new NamespacedName(path[0], name));
        }

        private static string VerbOf(HttpRequestMessage request) => request.Method.Method switch
        {
            "POST" => "create",
            "PATCH" when request.Content!.Headers.ContentType!.MediaType!.Contains("apply", StringComparison.Ordinal) => "apply",
            "PATCH" => "patch",
            "DELETE" => "delete",
            var other => throw new NotSupportedException(other),
        };

        private static async Task<string> NameInAsync(HttpRequestMessage request)
        {
            var body = KubernetesJson.Deserialize<KubernetesObject>(await request.Content!.ReadAsStringAsync());
            return body.Metadata.Name;
        }

        private sealed class KubernetesObject
        {
            public k8s.Models.V1ObjectMeta Metadata { get; set; } = new();
        }
    }
}
