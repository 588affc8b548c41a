using System.Net;
using k8s.Models;
using Slipway.Builds;

namespace Slipway.Tests.Unit.Pools;

/// <summary>
/// What a network that enforces NetworkPolicies does with one, as the documentation of Kubernetes has it: a peer is one selector or one
/// block of addresses, rules add up, and a pod on its node's network is no pod to a selector.
/// </summary>
internal sealed class PolicyEvaluator(V1NetworkPolicy policy)
{
    /// <summary>Some networks match no pod by its address.</summary>
    public bool BlocksMatchPods { get; init; } = true;

    public bool Selects(NetworkPlace pod) => pod.Namespace == policy.Metadata.NamespaceProperty && Matches(policy.Spec.PodSelector, pod.Labels);

    public bool LetsIn(NetworkPlace client, int port, string protocol = "TCP") => policy.Spec.PolicyTypes.Contains("Ingress")
        && policy.Spec.Ingress.Any(rule => HasPort(rule.Ports, port, protocol) && (rule.FromProperty is null || rule.FromProperty.Any(peer => IsPeer(peer, client))));

    public bool LetsOut(NetworkPlace target, int port, string protocol = "TCP") => policy.Spec.PolicyTypes.Contains("Egress")
        && policy.Spec.Egress.Any(rule => HasPort(rule.Ports, port, protocol) && (rule.To is null || rule.To.Any(peer => IsPeer(peer, target))));

    private bool IsPeer(V1NetworkPolicyPeer peer, NetworkPlace place)
    {
        if (peer.IpBlock is { } block) return (BlocksMatchPods || !place.IsPod) && IsIn(block.Cidr, place) && !(block.Except ?? []).Any(cidr => IsIn(cidr, place));
        if (!place.IsPod) return false;
        var space = peer.NamespaceSelector is { } selector ? Matches(selector, place.NamespaceLabels) : place.Namespace == policy.Metadata.NamespaceProperty;
        return space && (peer.PodSelector is null || Matches(peer.PodSelector, place.Labels));
    }

    private static bool IsIn(string cidr, NetworkPlace place) => IPNetwork.Parse(cidr).Contains(IPAddress.Parse(place.Address));

    private static bool Matches(V1LabelSelector selector, IReadOnlyDictionary<string, string> labels) => NamespaceSelection.Matches(selector, labels);

    private static bool HasPort(IList<V1NetworkPolicyPort>? ports, int port, string protocol) =>
        ports is null || ports.Any(item => item.Protocol == protocol && item.Port.Value == $"{port}");
}

/// <summary>One end of a connection: a pod, or an address that is none.</summary>
internal sealed record NetworkPlace(string Address)
{
    public string? Namespace { get; init; }

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> NamespaceLabels { get; init; } = new Dictionary<string, string>();

    public bool IsPod => Namespace is not null;
}
