using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube.Client;

namespace Slipway.Tests;

/// <summary>Every status of every build and pool of a server, from now on, for the contract.</summary>
internal sealed class StatusWatch : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly IKubeClient _client;
    private readonly Recording<V1Alpha1ImageBuild> _builds;
    private readonly Recording<V1Alpha1BuilderPool> _pools;

    private StatusWatch(IKubeClient client, Recording<V1Alpha1ImageBuild> builds, Recording<V1Alpha1BuilderPool> pools) =>
        (_client, _builds, _pools) = (client, builds, pools);

    public static async Task<StatusWatch> StartAsync(IKubeClient client) =>
        new(client, await Recording<V1Alpha1ImageBuild>.StartAsync(client, space: null), await Recording<V1Alpha1BuilderPool>.StartAsync(client, space: null));

    /// <summary>Throws with all that were wrong, once everything is heard of.</summary>
    public async Task CheckAsync()
    {
        string[] wrong = [.. StatusContract.Problems(await AllAsync(_builds)), .. StatusContract.Problems(await AllAsync(_pools))];
        if (wrong.Length > 0) throw new InvalidOperationException($"{wrong.Length} statuses are wrong:\n{string.Join('\n', wrong)}");
    }

    public async ValueTask DisposeAsync()
    {
        await _builds.DisposeAsync();
        await _pools.DisposeAsync();
    }

    /// <summary>A watch comes a moment after what it tells of.</summary>
    private async Task<IReadOnlyList<T>> AllAsync<T>(Recording<T> recording)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var there = (await _client.ListPageAsync<T>(new ListQuery(), default)).Items;
        using var timeout = new CancellationTokenSource(Limit);
        while (true)
        {
            var seen = recording.Seen.Select(seen => seen.Object).ToList();
            var known = seen.Select(version => (version.Metadata.Uid, version.Metadata.ResourceVersion)).ToHashSet();
            if (there.All(item => known.Contains((item.Metadata.Uid, item.Metadata.ResourceVersion)))) return seen;
            await Task.Delay(Pause, TimeProvider.System, timeout.Token);
        }
    }
}
