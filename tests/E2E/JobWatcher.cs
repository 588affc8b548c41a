using System.Collections.Concurrent;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube.Client;

namespace Slipway.Tests.E2E;

/// <summary>Records every Job of a namespace from the start, also those that are gone by the end.</summary>
internal sealed class JobWatcher : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, SeenJob> _seen = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;

    private JobWatcher(IKubeClient client, string space, string resourceVersion) => _watching = WatchAsync(client, space, resourceVersion);

    public IReadOnlyCollection<SeenJob> Seen => [.. _seen.Values];

    public static JobWatcher Start(ClusterFixture fixture, string space)
    {
        var page = fixture.Client.ListPageAsync<V1Job>(new ListQuery { Namespace = space }, default).GetAwaiter().GetResult();
        return new JobWatcher(fixture.Client, space, page.ResourceVersion);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _watching;
        }
        catch (OperationCanceledException)
        {
            // Asked for.
        }

        _stop.Dispose();
    }

    private async Task WatchAsync(IKubeClient client, string space, string resourceVersion)
    {
        var query = new WatchQuery { Namespace = space, ResourceVersion = resourceVersion, Timeout = TimeSpan.FromMinutes(30), Silence = TimeSpan.FromMinutes(31) };
        await foreach (var change in client.WatchAsync<V1Job>(query, _stop.Token))
        {
            if (change.Object is not { } job) continue;
            var annotations = job.Metadata.Annotations ?? new Dictionary<string, string>();
            _seen[job.Metadata.Uid] = new SeenJob(
                job.Metadata.Uid, job.Metadata.Name, job.Metadata.Labels[SlipwayApi.RoleLabel],
                annotations.TryGetValue(SlipwayApi.PlatformAnnotation, out var platform) ? platform : null);
        }
    }
}

internal sealed record SeenJob(string Uid, string Name, string Role, string? Platform);
