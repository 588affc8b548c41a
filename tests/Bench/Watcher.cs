using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Bench;

/// <summary>Hears of every change of a kind from its start on, and keeps nothing: one connection, no polling.</summary>
internal sealed class Watcher<T> : IAsyncDisposable
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    private readonly CancellationTokenSource _end = new();
    private readonly Task _watching;

    private Watcher(KubeClient client, string version, Action<WatchEventKind, T> heard) => _watching = WatchAsync(client, version, heard);

    public static async Task<Watcher<T>> StartAsync(KubeClient client, Action<WatchEventKind, T> heard)
    {
        var now = await client.ListPageAsync<T>(new ListQuery(), default);
        return new Watcher<T>(client, now.ResourceVersion, heard);
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _watching;
        _end.Dispose();
    }

    private async Task WatchAsync(KubeClient client, string version, Action<WatchEventKind, T> heard)
    {
        try
        {
            while (true)
            {
                await foreach (var change in client.WatchAsync<T>(new WatchQuery { ResourceVersion = version }, _end.Token))
                {
                    version = change.ResourceVersion ?? version;
                    if (change.Object is { } item) heard(change.Kind, item);
                }
            }
        }
        catch (OperationCanceledException) when (_end.IsCancellationRequested)
        {
        }
    }
}
