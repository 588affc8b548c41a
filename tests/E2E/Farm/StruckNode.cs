using k8s.Models;
using Slipway.Kube;

namespace Slipway.Tests.E2E.Farm;

/// <summary>A node that a test strikes. The test is not over before the node takes pods again: its taints go some time after it is Ready.</summary>
internal sealed class StruckNode(ClusterFixture fixture, string name) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    public async ValueTask DisposeAsync() => await Wait.UntilAsync(
        $"{name} takes pods", Patience, () => fixture.Client.GetAsync<V1Node>(new NamespacedName("", name), default),
        node => node.Status.Conditions.Any(condition => condition is { Type: "Ready", Status: "True" }) && node.Spec is { Unschedulable: not true, Taints: null or { Count: 0 } });
}
