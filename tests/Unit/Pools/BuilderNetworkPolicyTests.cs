using k8s.Models;
using Slipway.Api;
using Slipway.Kube.Client;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class BuilderNetworkPolicyTests
{
    private static readonly string[] ApiServer = [PoolWorld.ApiServer, "2001:db8::7"];

    private static readonly AllowedNamespaces TeamsOfTier = new()
    {
        From = "Selector",
        Selector = new V1LabelSelector { MatchLabels = new Dictionary<string, string> { ["tier"] = "ci" } },
    };

    [Theory]
    [InlineData(null, "builders", true)]
    [InlineData("Same", "builders", true)]
    [InlineData("Same", "team-a", false)]
    [InlineData(null, "team-a", false)]
    [InlineData("All", "builders", true)]
    [InlineData("All", "team-a", true)]
    [InlineData("All", "team-b", true)]
    [InlineData("Selector", "builders", true)]
    [InlineData("Selector", "team-a", true)]
    [InlineData("Selector", "team-b", false)]
    public void Ingress_WhenABuildConnects_IsAsThePoolAdmitsItsNamespace(string? from, string space, bool connects)
    {
        var allowed = from is null ? null : from == "Selector" ? TeamsOfTier : new AllowedNamespaces { From = from };

        Of(new BuilderPoolSpec { AllowedNamespaces = allowed }).LetsIn(Build(space), 1234).ShouldBe(connects);
    }

    [Fact]
    public void Ingress_WhenSelectorSelectsByNothing_IsFromEveryNamespaceAsAdmissionHasIt() =>
        Of(new BuilderPoolSpec { AllowedNamespaces = new AllowedNamespaces { From = "Selector", Selector = new V1LabelSelector() } })
            .LetsIn(Build("team-b"), 1234).ShouldBeTrue();

    [Fact]
    public void Ingress_WhenSelectorIsMissing_IsFromThePoolsOwnNamespaceAlone()
    {
        var policy = Of(new BuilderPoolSpec { AllowedNamespaces = new AllowedNamespaces { From = "Selector" } });

        policy.LetsIn(Build("builders"), 1234).ShouldBeTrue();
        policy.LetsIn(Build("team-a"), 1234).ShouldBeFalse();
    }

    [Fact]
    public void Ingress_WhenPoolIsOpenToAllNamespaces_IsForBuildsAlone()
    {
        var policy = Of(new BuilderPoolSpec { AllowedNamespaces = new AllowedNamespaces { From = "All" } });

        policy.LetsIn(Pod("team-a", "10.1.0.9"), 1234).ShouldBeFalse("a pod of an admitted namespace that is no build");
        policy.LetsIn(Builder("farm"), 1234).ShouldBeFalse("another builder: its RUN steps must not reach this daemon");
        policy.LetsIn(new NetworkPlace("203.0.113.5"), 1234).ShouldBeFalse("a node, or whatever is outside");
        policy.LetsIn(Build("team-a"), 6060).ShouldBeFalse("a build, on another port");
        policy.LetsIn(Build("team-a"), 1234, "UDP").ShouldBeFalse("a build, by UDP");
    }

    public static TheoryData<string, string?, string, int, string, bool> Targets => new()
    {
        { "metadata service", null, "169.254.169.254", 80, "TCP", false },
        { "credentials of a pod, a link-local neighbour of it", null, "169.254.170.2", 80, "TCP", false },
        { "metadata service, IPv6", null, "fd00:ec2::254", 80, "TCP", false },
        { "link-local, IPv6", null, "fe80::a9fe:a9fe", 80, "TCP", false },
        { "API server", null, PoolWorld.ApiServer, 6443, "TCP", false },
        { "API server, on any other port", null, PoolWorld.ApiServer, 10250, "TCP", false },
        { "API server, IPv6", null, "2001:db8::7", 6443, "TCP", false },
        { "a host beside the API server", null, "198.51.100.8", 443, "TCP", true },
        { "a registry outside", null, "203.0.113.80", 443, "TCP", true },
        { "a registry outside, IPv6", null, "2001:db8:1::80", 443, "TCP", true },
        { "a registry in the pod range", "registry", "10.1.0.80", 5000, "TCP", true },
        { "a registry in the service range", null, "10.96.0.80", 5000, "TCP", true },
        { "DNS", "kube-system", "10.1.0.53", 53, "UDP", true },
        { "DNS over TCP", "kube-system", "10.1.0.53", 53, "TCP", true },
        { "DNS cache of the node", null, "169.254.20.10", 53, "UDP", true },
        { "DNS cache of the node, on the port of its metrics", null, "169.254.20.10", 9253, "TCP", false },
        { "a git host by ssh", null, "203.0.113.22", 22, "TCP", true },
    };

    [Theory, MemberData(nameof(Targets))]
    public void Egress_WhenARunStepConnects_IsOpenToAllButTheNodesSecretsAndTheApiServer(string what, string? space, string address, int port, string protocol, bool connects) =>
        Of(new BuilderPoolSpec()).LetsOut(Place(space, address), port, protocol).ShouldBe(connects, what);

    [Theory, MemberData(nameof(Targets))]
    public void Egress_WhenTheNetworkMatchesNoPodByItsAddress_IsTheSame(string what, string? space, string address, int port, string protocol, bool connects) =>
        new PolicyEvaluator(Policy(new BuilderPoolSpec())) { BlocksMatchPods = false }.LetsOut(Place(space, address), port, protocol).ShouldBe(connects, what);

    [Fact]
    public void Ingress_WhenABuilderTriesAnotherPoolsBuilder_IsClosedThere()
    {
        // Egress to pods is open: what keeps tenants' builders apart is the ingress of each.
        var other = Pod("other-builders", "10.1.0.7");
        Of(new BuilderPoolSpec()).LetsOut(other, 1234).ShouldBeTrue();

        var theirs = PoolWorld.Pool() with { Spec = PoolWorld.Pool().Spec with { AllowedNamespaces = new AllowedNamespaces { From = "All" } } };
        theirs.Metadata.NamespaceProperty = "other-builders";

        new PolicyEvaluator(BuilderNetworkPolicy.Policy(theirs, ApiServer)).LetsIn(Builder("farm"), 1234).ShouldBeFalse();
    }

    [Fact]
    public void ExtraEgress_WhenPortsAreGiven_OpensThoseAlone()
    {
        var policy = Of(Extra(new PoolEgress { Cidr = "169.254.169.254/32", Ports = [80] }));

        policy.LetsOut(new NetworkPlace("169.254.169.254"), 80).ShouldBeTrue();
        policy.LetsOut(new NetworkPlace("169.254.169.254"), 81).ShouldBeFalse();
        policy.LetsOut(new NetworkPlace("169.254.169.254"), 80, "UDP").ShouldBeFalse();
        policy.LetsOut(new NetworkPlace("169.254.169.253"), 80).ShouldBeFalse();
        policy.LetsOut(new NetworkPlace(PoolWorld.ApiServer), 80).ShouldBeFalse();
    }

    [Fact]
    public void ExtraEgress_WhenNoPortsAreGiven_OpensAllOfThem()
    {
        var policy = Of(Extra(new PoolEgress { Cidr = $"{PoolWorld.ApiServer}/32" }));

        policy.LetsOut(new NetworkPlace(PoolWorld.ApiServer), 6443).ShouldBeTrue();
        policy.LetsOut(new NetworkPlace(PoolWorld.ApiServer), 53, "UDP").ShouldBeTrue();
    }

    [Fact]
    public void Policy_WhenMade_SelectsThePoolsBuildersAndNothingElse()
    {
        var policy = Of(new BuilderPoolSpec());

        policy.Selects(Builder("farm")).ShouldBeTrue();
        policy.Selects(Builder("another")).ShouldBeFalse();
        policy.Selects(Build("builders")).ShouldBeFalse();
        policy.Selects(Builder("farm") with { Namespace = "team-a" }).ShouldBeFalse();
    }

    [Fact]
    public void Policy_WhenPodsOfThePoolAreMade_SelectsThem()
    {
        var pool = PoolWorld.Pool();
        var pod = PoolWorld.Pod(PoolWorld.Live(pool, pool.Spec.Platforms[0]), 0);

        Of(new BuilderPoolSpec()).Selects(new NetworkPlace("10.1.0.5") { Namespace = "builders", Labels = pod.Metadata.Labels.ToDictionary() }).ShouldBeTrue();
    }

    [Fact]
    public void Policy_WhenMade_IsThePoolsOwn()
    {
        var policy = Policy(new BuilderPoolSpec());

        (policy.Metadata.Name, policy.Metadata.NamespaceProperty).ShouldBe(("farm", "builders"));
        policy.Metadata.OwnerReferences.ShouldHaveSingleItem().Uid.ShouldBe(PoolWorld.PoolUid);
        policy.Metadata.Labels[SlipwayApi.ManagedByLabel].ShouldBe("slipway");
        policy.Metadata.Labels[SlipwayApi.ComponentLabel].ShouldBe("builder", "its informer lists by it");
    }

    [Fact]
    public void Policy_WhenAddressesComeInAnotherOrder_IsTheSame() =>
        Yaml(BuilderNetworkPolicy.Policy(PoolWorld.Pool(), ["198.51.100.9", "198.51.100.7", "198.51.100.9"]))
            .ShouldBe(Yaml(BuilderNetworkPolicy.Policy(PoolWorld.Pool(), ["198.51.100.7", "198.51.100.9"])));

    [Fact]
    public void Body_WhenApplied_KeepsTheSelectorThatSelectsAllAndHoldsNoNull()
    {
        // Without it the peer would be empty, which the API server refuses.
        var body = Yaml(Policy(new BuilderPoolSpec()));

        body.ShouldContain("\"namespaceSelector\":{}");
        body.ShouldNotContain(":null");
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("Managed", true)]
    [InlineData("None", false)]
    public void IsWanted_WhenModeSaysSo_IsOrIsNot(string? mode, bool wanted) =>
        BuilderNetworkPolicy.IsWanted(PoolWorld.Pool() with { Spec = PoolWorld.Pool().Spec with { NetworkPolicy = new PoolNetworkPolicy { Mode = mode } } }).ShouldBe(wanted);

    [Fact]
    public void IsWanted_WhenAllBuildersAreOutsideTheCluster_IsNot()
    {
        var outside = PoolWorld.Platform("linux/arm64") with { Replicas = null, Endpoints = [new PoolEndpoint { Address = "tcp://arm.example.com:1234" }] };

        BuilderNetworkPolicy.IsWanted(PoolWorld.Pool(outside)).ShouldBeFalse();
        BuilderNetworkPolicy.IsWanted(PoolWorld.Pool(outside, PoolWorld.Platform())).ShouldBeTrue();
    }

    private static PolicyEvaluator Of(BuilderPoolSpec spec) => new(Policy(spec));

    private static V1NetworkPolicy Policy(BuilderPoolSpec spec) => BuilderNetworkPolicy.Policy(PoolWorld.Pool() with { Spec = spec }, ApiServer);

    private static BuilderPoolSpec Extra(PoolEgress egress) => new() { NetworkPolicy = new PoolNetworkPolicy { ExtraEgress = [egress] } };

    private static string Yaml(V1NetworkPolicy policy) => ApplyBody.Of(policy).ToJsonString();

    private static NetworkPlace Place(string? space, string address) => space is null ? new NetworkPlace(address) : Pod(space, address);

    private static NetworkPlace Build(string space) => Pod(space, "10.1.0.20") with
    {
        Labels = new Dictionary<string, string> { [SlipwayApi.ComponentLabel] = SlipwayApi.BuildComponent, [SlipwayApi.ManagedByLabel] = SlipwayApi.ManagedBy },
    };

    private static NetworkPlace Builder(string pool) => Pod("builders", "10.1.0.5") with
    {
        Labels = new Dictionary<string, string>
        {
            [SlipwayApi.ComponentLabel] = SlipwayApi.BuilderComponent,
            [SlipwayApi.ManagedByLabel] = SlipwayApi.ManagedBy,
            [SlipwayApi.PoolLabel] = pool,
        },
    };

    private static NetworkPlace Pod(string space, string address) => new(address)
    {
        Namespace = space,
        NamespaceLabels = new Dictionary<string, string> { ["tier"] = space == "team-a" ? "ci" : "other" },
    };
}
