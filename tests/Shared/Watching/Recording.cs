using System.Collections.Concurrent;
using System.Globalization;
using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Tests;

/// <summary>Every version of a kind's objects as the API server's own watch tells them, also of those that are gone by the end.</summary>
internal sealed class Recording<T> : IAsyncDisposable
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    private readonly ConcurrentQueue<Seen<T>> _seen = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;

    private Recording(IKubeClient client, ListQuery query, ListPage<T> there)
    {
        foreach (var item in there.Items) Add(WatchEventKind.Added, item);
        _watching = WatchAsync(client, query, there.ResourceVersion);
    }

    public IReadOnlyList<Seen<T>> Seen
    {
        get
        {
            // What is not whole proves nothing.
            if (_watching.IsFaulted) _watching.GetAwaiter().GetResult();
            return [.. _seen];
        }
    }

    /// <summary>The last version of each object that was ever there.</summary>
    public IReadOnlyList<T> Objects => [.. Seen.GroupBy(seen => seen.Object.Metadata.Uid).Select(versions => versions.Last().Object)];

    public static async Task<Recording<T>> StartAsync(IKubeClient client, string? space, string? selector = null)
    {
        var query = new ListQuery { Namespace = space, LabelSelector = selector };
        return new Recording<T>(client, query, await client.ListPageAsync<T>(query, default));
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

    /// <summary>A server ends a watch when it likes, that of a slow client above all: the next one goes on where it was.</summary>
    private async Task WatchAsync(IKubeClient client, ListQuery query, string resourceVersion)
    {
        while (true)
        {
            var watch = new WatchQuery
            {
                Namespace = query.Namespace,
                LabelSelector = query.LabelSelector,
                ResourceVersion = resourceVersion,
                Timeout = TimeSpan.FromHours(1),
                Silence = TimeSpan.FromHours(2),
            };
            try
            {
                await foreach (var change in client.WatchAsync<T>(watch, _stop.Token))
                {
                    resourceVersion = change.ResourceVersion ?? resourceVersion;
                    if (change.Object is { } version) Add(change.Kind, version);
                }
            }
            catch (Exception lost) when (lost is IOException or HttpRequestException)
            {
                // A connection that broke loses nothing: the server tells all since that version, or refuses.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, _stop.Token);
        }
    }

    private void Add(WatchEventKind kind, T version) =>
        _seen.Enqueue(new Seen<T>(long.Parse(version.Metadata.ResourceVersion, CultureInfo.InvariantCulture), TimeProvider.System.GetUtcNow(), kind, version));
}

/// <summary>One version. All kinds of this API server are in one etcd, whose revision the resource version is: it orders them all.</summary>
internal sealed record Seen<T>(long Revision, DateTimeOffset At, WatchEventKind Kind, T Object);
