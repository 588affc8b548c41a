using k8s.Models;
using Slipway.Kube;

namespace Slipway.Tests.E2E;

/// <summary>The local cluster's network enforces no policies: that a policy is there, and names this API server, is all that can be seen.</summary>
public sealed class NetworkPolicyTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Policy_OfThePool_LeavesOutTheApiServerOfThisCluster()
    {
        var server = await fixture.Client.GetAsync<V1Endpoints>(new NamespacedName("default", "kubernetes"), Cancel);

        var policy = await fixture.Client.GetAsync<V1NetworkPolicy>(ClusterFixture.SharedPool, Cancel);

        var addresses = server.Subsets.SelectMany(subset => subset.Addresses).Select(address => address.Ip).ToList();
        addresses.ShouldNotBeEmpty();
        var left = policy.Spec.Egress.SelectMany(rule => rule.To).SelectMany(peer => peer.IpBlock?.Except ?? []).ToList();
        addresses.ShouldAllBe(address => left.Contains($"{address}/32") || left.Contains($"{address}/128"));
        policy.Spec.Ingress.Single().Ports.Single().Port.ToString().ShouldBe("1234");
    }
}
