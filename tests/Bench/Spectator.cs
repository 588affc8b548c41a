using System.Collections.Concurrent;
using System.Diagnostics;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;

namespace Slipway.Bench;

/// <summary>Sees what anybody could see by a watch: when a build's first Job appears, when a build ends, how often it changes.</summary>
internal sealed class Spectator : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<NamespacedName, TaskCompletionSource<long>> _jobs = [];
    private readonly ConcurrentDictionary<NamespacedName, TaskCompletionSource<(V1Alpha1ImageBuild Build, long At)>> _ends = [];
    private readonly ConcurrentDictionary<NamespacedName, int> _revisions = [];
    private Watcher<V1Job>? _jobWatcher;
    private Watcher<V1Alpha1ImageBuild>? _buildWatcher;

    public static async Task<Spectator> StartAsync(KubeClient client)
    {
        var spectator = new Spectator();
        spectator._jobWatcher = await Watcher<V1Job>.StartAsync(client, spectator.Hear);
        spectator._buildWatcher = await Watcher<V1Alpha1ImageBuild>.StartAsync(client, spectator.Hear);
        return spectator;
    }

    /// <summary>The moment, by <see cref="Stopwatch"/>, at which the build's first Job was seen.</summary>
    public Task<long> FirstJobAsync(NamespacedName build) => Of(_jobs, build).Task.WaitAsync(Patience, TimeProvider.System);

    /// <summary>The build as it ended.</summary>
    public async Task<V1Alpha1ImageBuild> EndAsync(NamespacedName build) => (await Of(_ends, build).Task.WaitAsync(Patience, TimeProvider.System)).Build;

    /// <summary>The moment, by <see cref="Stopwatch"/>, at which the end was seen.</summary>
    public async Task<long> EndSeenAsync(NamespacedName build) => (await Of(_ends, build).Task.WaitAsync(Patience, TimeProvider.System)).At;

    /// <summary>How many versions of the build there were up to now, the first one included.</summary>
    public int Revisions(NamespacedName build) => _revisions.GetValueOrDefault(build);

    public async ValueTask DisposeAsync()
    {
        if (_jobWatcher is not null) await _jobWatcher.DisposeAsync();
        if (_buildWatcher is not null) await _buildWatcher.DisposeAsync();
    }

    private void Hear(WatchEventKind kind, V1Job job)
    {
        if (kind != WatchEventKind.Added) return;
        var seen = Stopwatch.GetTimestamp();
        var owner = job.Metadata.OwnerReferences?.FirstOrDefault(reference => reference.Kind == V1Alpha1ImageBuild.KindName);
        if (owner is not null) Of(_jobs, new(job.Metadata.NamespaceProperty, owner.Name)).TrySetResult(seen);
    }

    private void Hear(WatchEventKind kind, V1Alpha1ImageBuild build)
    {
        if (kind is not (WatchEventKind.Added or WatchEventKind.Modified)) return;
        var seen = Stopwatch.GetTimestamp();
        var key = NamespacedName.Of(build);
        _revisions.AddOrUpdate(key, 1, (_, count) => count + 1);
        if (build.Status?.CompletedAt is not null) Of(_ends, key).TrySetResult((build, seen));
    }

    private static TaskCompletionSource<T> Of<T>(ConcurrentDictionary<NamespacedName, TaskCompletionSource<T>> all, NamespacedName key) =>
        all.GetOrAdd(key, _ => new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously));
}
