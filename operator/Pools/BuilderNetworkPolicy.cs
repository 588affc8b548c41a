using System.Globalization;
using System.Net;
using System.Net.Sockets;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube.Writing;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>
/// The one NetworkPolicy of a pool. RUN steps have the network of their builder's pod, so it is the only wall round them.
/// </summary>
internal static class BuilderNetworkPolicy
{
    private const string Tcp = "TCP";
    private const int Dns = 53;

    // Metadata services of clouds hand out the node's credentials to whoever asks.
    private const string LinkLocal = "169.254.0.0/16";
    private static readonly string[] LinkLocalV6 = ["fd00:ec2::254/128", "fe80::/10"];

    /// <summary>Builders outside the cluster are no pods.</summary>
    public static bool IsWanted(V1Alpha1BuilderPool pool) =>
        pool.Spec.NetworkPolicy?.Mode != "None" && pool.Spec.Platforms.Any(platform => platform.Endpoints is not { Count: > 0 });

    /// <param name="pool">The pool.</param>
    /// <param name="apiServer">The addresses behind the Service kubernetes; at least one.</param>
    public static V1NetworkPolicy Policy(V1Alpha1BuilderPool pool, IReadOnlyList<string> apiServer) => new()
    {
        ApiVersion = $"{V1NetworkPolicy.KubeGroup}/{V1NetworkPolicy.KubeApiVersion}",
        Kind = V1NetworkPolicy.KubeKind,
        Metadata = new V1ObjectMeta
        {
            Name = ChildNames.NetworkPolicy(pool.Metadata.Name),
            NamespaceProperty = pool.Metadata.NamespaceProperty,
            Labels = new SortedDictionary<string, string>(Builders(pool), StringComparer.Ordinal) { [SlipwayApi.ManagedByLabel] = SlipwayApi.ManagedBy },
            OwnerReferences = [OwnerReferences.ControlledBy(pool)],
        },
        Spec = new V1NetworkPolicySpec
        {
            PodSelector = new V1LabelSelector { MatchLabels = Builders(pool) },
            PolicyTypes = ["Ingress", "Egress"],
            Ingress = [new V1NetworkPolicyIngressRule { FromProperty = Clients(pool), Ports = Ports([Builder.Port]) }],
            Egress = [Outside(apiServer), NodesResolver(), .. (pool.Spec.NetworkPolicy?.ExtraEgress ?? []).Select(Extra)],
        },
    };

    /// <summary>Build Jobs of the namespaces that the pool admits, its own among them whatever it says.</summary>
    private static V1NetworkPolicyPeer[] Clients(V1Alpha1BuilderPool pool) => pool.Spec.AllowedNamespaces switch
    {
        { From: "All" } => [BuildsOf(new V1LabelSelector())],
        { From: "Selector", Selector: { } admitted } => [BuildsOf(null), BuildsOf(admitted)],
        _ => [BuildsOf(null)],
    };

    /// <param name="namespaces">Null for the policy's own namespace; one that selects by nothing selects all.</param>
    private static V1NetworkPolicyPeer BuildsOf(V1LabelSelector? namespaces) => new()
    {
        NamespaceSelector = namespaces,
        PodSelector = new V1LabelSelector
        {
            MatchLabels = new SortedDictionary<string, string>(StringComparer.Ordinal)
            {
                [SlipwayApi.ComponentLabel] = SlipwayApi.BuildComponent,
                [SlipwayApi.ManagedByLabel] = SlipwayApi.ManagedBy,
            },
        },
    };

    /// <summary>
    /// Everywhere but there: registries and git hosts may be anywhere, in the cluster too. Some networks, Cilium among them, match no
    /// pod by its address, so pods are let through by selector as well; those of the host's network are none to a selector.
    /// </summary>
    private static V1NetworkPolicyEgressRule Outside(IReadOnlyList<string> apiServer) => new()
    {
        To =
        [
            AllBut("0.0.0.0/0", [LinkLocal, .. Single(apiServer, AddressFamily.InterNetwork, 32)]),
            AllBut("::/0", [.. LinkLocalV6, .. Single(apiServer, AddressFamily.InterNetworkV6, 128)]),
            new V1NetworkPolicyPeer { NamespaceSelector = new V1LabelSelector() },
        ],
    };

    /// <summary>A node's own DNS cache has a link-local address in many clusters, and what answers there on this port gives no credentials.</summary>
    private static V1NetworkPolicyEgressRule NodesResolver() => new()
    {
        To = [new V1NetworkPolicyPeer { IpBlock = new V1IPBlock { Cidr = LinkLocal } }],
        Ports = [new V1NetworkPolicyPort { Port = Dns, Protocol = "UDP" }, new V1NetworkPolicyPort { Port = Dns, Protocol = Tcp }],
    };

    private static V1NetworkPolicyEgressRule Extra(PoolEgress egress) => new()
    {
        To = [new V1NetworkPolicyPeer { IpBlock = new V1IPBlock { Cidr = egress.Cidr } }],
        Ports = egress.Ports is { Count: > 0 } ports ? Ports(ports) : null,
    };

    private static V1NetworkPolicyPeer AllBut(string cidr, IList<string> except) => new() { IpBlock = new V1IPBlock { Cidr = cidr, Except = except } };

    private static IEnumerable<string> Single(IEnumerable<string> addresses, AddressFamily family, int bits) => addresses
        .Where(address => IPAddress.TryParse(address, out var parsed) && parsed.AddressFamily == family)
        .Distinct().Order(StringComparer.Ordinal)
        .Select(address => string.Create(CultureInfo.InvariantCulture, $"{address}/{bits}"));

    private static V1NetworkPolicyPort[] Ports(IEnumerable<int> ports) => [.. ports.Select(port => new V1NetworkPolicyPort { Port = port, Protocol = Tcp })];

    private static SortedDictionary<string, string> Builders(V1Alpha1BuilderPool pool) => new(StringComparer.Ordinal)
    {
        [SlipwayApi.ComponentLabel] = SlipwayApi.BuilderComponent,
        [SlipwayApi.PoolLabel] = pool.Metadata.Name,
    };
}
