using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Leadership;

namespace Slipway.Tests.E2E.Faults;

/// <summary>
/// The operator's process that leads, and its end. It is found on this machine before its moment has come: the strike itself takes no
/// time. Who strikes has <see cref="Shared.ChangesLeaderAsync"/>.
/// </summary>
internal sealed class Leader
{
    private static readonly NamespacedName LeaseName = new("slipway-system", "slipway");
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly KubeClient _client;
    private readonly string _holder;
    private readonly V1Pod _pod;
    private readonly V1ContainerStatus _container;
    private readonly int _process;

    private Leader(KubeClient client, string holder, V1Pod pod, int process) =>
        (_client, _holder, _pod, _container, _process) = (client, holder, pod, pod.Status.ContainerStatuses[0], process);

    public static async Task<Leader> FindAsync(ClusterFixture fixture)
    {
        if (fixture.Cluster is not LocalCluster) Assert.Skip("A signal needs the node's processes: local cluster only.");
        Leader? found = null;
        await Wait.UntilAsync("a process of this machine leads", Patience, async () =>
        {
            var holder = await HolderAsync(fixture.Client);
            found = await FindAsync(fixture.Client, holder);
            return holder;
        }, _ => found is not null);
        return found!;
    }

    /// <summary>The same signal as kubelet's, or as the kernel's where memory ends; returns when another process leads and kubelet has told of the end.</summary>
    public async Task<LeaderEnd> StrikeAsync(string signal, bool freesLease)
    {
        using var process = Process.GetProcessById(_process);
        var struck = TimeProvider.System.GetTimestamp();
        await Shell.RunAsync("kill", "-s", signal, _process.ToString(CultureInfo.InvariantCulture));
        var told = ToldAsync();
        await process.WaitForExitAsync();
        if (freesLease) await FreeLeaseAsync();
        var next = await Wait.UntilAsync("another process leads", Patience, () => HolderAsync(_client), holder => holder is not "" && holder != _holder);
        var took = TimeProvider.System.GetElapsedTime(struck);
        var end = await told;
        await ReplaceAsync(next);
        return new LeaderEnd(string.Create(CultureInfo.InvariantCulture, $"SIG{signal} to process {_process} of pod {_pod.Metadata.Name}; {next.Split('_')[0]} leads {took.TotalSeconds:0.0} s later"), end);
    }

    private static async Task<string> HolderAsync(KubeClient client) => (await client.GetAsync<Lease>(LeaseName, default)).Spec?.HolderIdentity ?? "";

    /// <summary>A holder is called by its pod's name and something of its own.</summary>
    private static async Task<Leader?> FindAsync(KubeClient client, string holder)
    {
        if (holder is "" || await client.GetOrDefaultAsync<V1Pod>(LeaseName with { Name = holder.Split('_')[0] }, default) is not { } pod) return null;
        if (pod.Metadata.DeletionTimestamp is not null || pod.Status.ContainerStatuses is not [{ State.Running: not null }]) return null;
        return OperatorProcess.Of(pod) is [var process] ? new Leader(client, holder, pod, process) : null;
    }

    /// <summary>Nobody has the lease any more and it needs not run out. Only for who is dead.</summary>
    private async Task FreeLeaseAsync()
    {
        var lease = await _client.GetAsync<Lease>(LeaseName, default);
        if (lease.Spec?.HolderIdentity != _holder) return;
        await _client.PatchAsync<Lease>(LeaseName, LeaseSpec.Patch(lease.Metadata.ResourceVersion, new JsonObject { ["holderIdentity"] = "" }), default);
    }

    /// <summary>What kubelet says of this very container's end.</summary>
    private async Task<string> ToldAsync()
    {
        var pod = await Wait.UntilAsync("kubelet has told of the end", Patience, () => _client.GetAsync<V1Pod>(NamespacedName.Of(_pod), default), seen => EndIn(seen) is not null);
        var end = EndIn(pod)!;
        return string.Create(CultureInfo.InvariantCulture, $"pod {_pod.Metadata.Name}, container {_container.ContainerID[^12..]}: exit code {end.ExitCode}, {end.Reason}, finished at {end.FinishedAt:HH:mm:ss}");
    }

    private V1ContainerStateTerminated? EndIn(V1Pod pod) =>
        pod.Status.ContainerStatuses.SelectMany(status => new[] { status.State?.Terminated, status.LastState?.Terminated }).FirstOrDefault(end => end?.ContainerID == _container.ContainerID);

    /// <summary>Kubelet starts a container again at once only the first time: after that, another pod is there sooner.</summary>
    private async Task ReplaceAsync(string next)
    {
        if (_container.RestartCount == 0 || next.StartsWith($"{_pod.Metadata.Name}_", StringComparison.Ordinal)) return;
        await _client.DeleteAsync<V1Pod>(NamespacedName.Of(_pod), _pod.Metadata.Uid, PropagationPolicy.Background, default);
    }
}

/// <summary>What the test did, and what kubelet says of it.</summary>
internal sealed record LeaderEnd(string Strike, string Kubelet);
