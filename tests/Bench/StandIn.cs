using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Runner;

namespace Slipway.Bench;

/// <summary>
/// Plays Job controller, scheduler, kubelet and garbage collector for Jobs. A real controller-manager writes 20 objects a second by
/// default, and that would be what a burst measures.
/// </summary>
internal sealed class StandIn : IAsyncDisposable
{
    /// <summary>Of a namespace whose Jobs never end.</summary>
    public static readonly TimeSpan Forever = Timeout.InfiniteTimeSpan;

    private static readonly TimeSpan UsualRun = TimeSpan.FromSeconds(1);

    private readonly KubeClient _client;
    private readonly ClusterPlayer _player;
    private readonly ConcurrentDictionary<string, TimeSpan> _runs = [];
    private readonly ConcurrentDictionary<NamespacedName, long> _ended = [];
    private readonly ConcurrentDictionary<Task, bool> _work = [];
    private readonly ConcurrentDictionary<string, bool> _ending = [];
    private Watcher<V1Job>? _watcher;
    private int _jobs;

    private StandIn(KubeClient client) => (_client, _player) = (client, new ClusterPlayer(client));

    /// <summary>What went wrong first, if anything: it would be felt much later, as a build that does not end.</summary>
    public Exception? Trouble { get; private set; }

    /// <summary>Jobs that are there.</summary>
    public int Jobs => _jobs;

    public static async Task<StandIn> StartAsync(KubeClient client)
    {
        var player = new StandIn(client);
        player._watcher = await Watcher<V1Job>.StartAsync(client, player.Hear);
        return player;
    }

    /// <summary>How long Jobs of that namespace run.</summary>
    public void Runs(string space, TimeSpan time) => _runs[space] = time;

    /// <summary>The moment, by <see cref="Stopwatch"/>, at which the last of the build's pods was about to be told of as ended.</summary>
    public long LastPodEnd(NamespacedName build) => _ended[build];

    public Task StartBuildersAsync(V1Alpha1BuilderPool pool) => _player.StartBuildersAsync(pool);

    public async ValueTask DisposeAsync()
    {
        if (_watcher is not null) await _watcher.DisposeAsync();
        await Task.WhenAll(_work.Keys);
    }

    private void Hear(WatchEventKind kind, V1Job job)
    {
        if (kind == WatchEventKind.Added)
        {
            Interlocked.Increment(ref _jobs);
            Do(() => RunAsync(job));
        }
        else if (kind == WatchEventKind.Deleted)
        {
            Interlocked.Decrement(ref _jobs);
            Do(() => DeletePodAsync(job));
        }
        else if (kind == WatchEventKind.Modified && job.Metadata.DeletionTimestamp is not null && _ending.TryAdd(job.Metadata.Uid, true))
        {
            Do(() => EndForegroundAsync(job));
        }
    }

    private async Task RunAsync(V1Job job)
    {
        var pod = await _player.StartAsync(job);
        var time = _runs.GetValueOrDefault(job.Metadata.NamespaceProperty, UsualRun);
        if (time == Forever) return;
        await Task.Delay(time, TimeProvider.System, CancellationToken.None);
        var result = Result(job);
        _ended[new(job.Metadata.NamespaceProperty, job.Metadata.Labels[SlipwayApi.BuildLabel])] = Stopwatch.GetTimestamp();
        await _player.EndAsync(job, pod, result);
    }

    /// <summary>In the foreground, pods go before their Job.</summary>
    private async Task EndForegroundAsync(V1Job job)
    {
        await DeletePodAsync(job);
        await _client.PatchAsync<V1Job>(NamespacedName.Of(job), new JsonObject { ["metadata"] = new JsonObject { ["finalizers"] = null } }, default);
    }

    private Task DeletePodAsync(V1Job job) =>
        _client.DeleteAsync<V1Pod>(new(job.Metadata.NamespaceProperty, $"{job.Metadata.Name}-x"), uid: null, PropagationPolicy.Background, default);

    private static RunResult Result(V1Job job) => job.Metadata.Labels[SlipwayApi.RoleLabel] switch
    {
        JobRoles.Prepare => Story.Prepared,
        JobRoles.Publish => Story.Published,
        _ => Built(RunnerJson.Deserialize<BuildDescription>(job.Spec.Template.Spec.Containers[0].Args[2])),
    };

    /// <summary>With provenance and SBOM, as builds have them by default.</summary>
    private static RunResult Built(BuildDescription description)
    {
        var pushed = Story.Pushed('1', description.Publish);
        return pushed with { Attestations = [.. pushed.Attestations!, new AttestationResult(Story.Digest('3'), "https://spdx.dev/Document", Story.Digest('8'), 98765)] };
    }

    private void Do(Func<Task> step)
    {
        var work = GuardAsync(step);
        _work[work] = true;
        work.ContinueWith(done => _work.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task GuardAsync(Func<Task> step)
    {
        await Task.Yield();
        try
        {
            await step();
        }
        catch (Exception exception)
        {
            Trouble ??= exception;
        }
    }
}
