using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Tests.E2E;

internal static class TestPool
{
    /// <summary>The label of the namespaces whose builds the pools of tests take.</summary>
    public const string Label = "e2e";

    /// <summary>The label of those of them whose builds write their cache too: all the others would build everything twice.</summary>
    public const string CacheLabel = "e2e-cache";

    /// <summary>Tests run beside each other: none of them waits for another's builds.</summary>
    private const int Slots = 16;

    /// <summary>A pool of all platforms of the cluster, which takes builds of the tests' namespaces.</summary>
    public static V1Alpha1BuilderPool Of(ITestCluster cluster, NamespacedName key, params IEnumerable<PoolRegistry> registries) => new()
    {
        Metadata = new V1ObjectMeta { Name = key.Name, NamespaceProperty = key.Namespace },
        Spec = new BuilderPoolSpec
        {
            Image = cluster.BuildkitImage,
            Platforms = [.. cluster.Platforms.Select(platform => new PoolPlatform { Platform = platform, BuildsPerBuilder = Slots })],
            Registries = [.. cluster.Mirrors, new PoolRegistry { Host = cluster.Registry.Host, PlainHttp = cluster.Registry.PlainHttp ? true : null, Ca = cluster.Registry.Ca }, .. registries],
            Cache = new PoolCache { Registry = new PoolRegistryCache { Repository = $"{cluster.Registry.Host}/cache", CredentialsSecretRef = new LocalReference { Name = Tenant.PushSecret } }, ExportFrom = Labelled(CacheLabel) },
            AllowedNamespaces = Labelled(Label),
        },
    };

    private static AllowedNamespaces Labelled(string label) =>
        new() { From = "Selector", Selector = new V1LabelSelector { MatchLabels = new Dictionary<string, string> { [label] = "true" } } };
}
