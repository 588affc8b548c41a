using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;

[assembly: AssemblyFixture(typeof(Slipway.Tests.E2E.ClusterFixture))]

namespace Slipway.Tests.E2E;

/// <summary>Tests that use the suite's own pool, or that touch what all share: the operator, the nodes. One after the other, with no others beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class ClusterTests
{
    public const string Name = "cluster";
}

/// <summary>The cluster of all suites here, one pool on it, and the few calls that tests make.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    internal const string PoolNamespace = "e2e-builders";
    internal const string PoolName = "farm";

    internal static readonly NamespacedName SharedPool = new(PoolNamespace, PoolName);

    private KubeClient? _client;

    internal ITestCluster Cluster { get; } = Environment.GetEnvironmentVariable("SLIPWAY_CLUSTER") == "k3s" ? new K3sCluster() : new LocalCluster();

    internal KubeClient Client => _client ?? throw new InvalidOperationException("The cluster has not been started.");

    public async ValueTask InitializeAsync()
    {
        await Cluster.StartAsync();
        var config = KubernetesClientConfiguration.BuildConfigFromConfigFile(Cluster.Kubeconfig);
        _client = new KubeClient(new OperatorOptions { Cluster = config, FieldManager = "e2e" }, TimeProvider.System);
        await Client.ApplyAsync(Namespace(PoolNamespace), default);
        await Client.ApplyAsync(Pool(SharedPool), default);
        await EventuallyAsync("the pool is Ready", TimeSpan.FromMinutes(3),
            () => Client.GetAsync<V1Alpha1BuilderPool>(SharedPool, default),
            pool => pool.Status?.ObservedGeneration == pool.Metadata.Generation && pool.Status?.Conditions.IsTrue(Conditions.Ready) is true);
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await Client.DeleteAsync<V1Alpha1BuilderPool>(SharedPool, null, PropagationPolicy.Background, default);
            _client.Dispose();
        }

        await Cluster.DisposeAsync();
    }

    /// <summary>A pool of all platforms of the cluster, which takes builds of the tests' namespaces.</summary>
    internal V1Alpha1BuilderPool Pool(NamespacedName key) => new()
    {
        Metadata = new V1ObjectMeta { Name = key.Name, NamespaceProperty = key.Namespace },
        Spec = new BuilderPoolSpec
        {
            Image = Cluster.BuildkitImage,
            Platforms = [.. Cluster.Platforms.Select(platform => new PoolPlatform { Platform = platform })],
            Registries = [.. Cluster.Mirrors, new PoolRegistry { Host = Cluster.Registry.Host, PlainHttp = Cluster.Registry.PlainHttp ? true : null, Ca = Cluster.Registry.Ca }],
            Cache = new PoolCache { Registry = new PoolRegistryCache { Repository = $"{Cluster.Registry.Host}/cache", CredentialsSecretRef = new LocalReference { Name = "push" } } },
            AllowedNamespaces = new AllowedNamespaces { From = "Selector", Selector = new V1LabelSelector { MatchLabels = new Dictionary<string, string> { ["e2e"] = "true" } } },
        },
    };

    /// <summary>A namespace of the test's own, admitted by the pool, with the Secret that pushes need. It is deleted with the test.</summary>
    internal async Task<Tenant> TenantAsync(bool admitted = true, string? password = null, NamespacedName? pool = null, string? name = null)
    {
        name ??= $"e2e-{Guid.NewGuid():N}"[..16];
        var tenant = Namespace(name);
        if (admitted) tenant.Metadata.Labels = new Dictionary<string, string> { ["e2e"] = "true" };
        await Client.CreateAsync(tenant, default);
        if (Cluster.Registry.User is { } user) await Client.CreateAsync(PushSecret(name, user, password ?? Cluster.Registry.Password!), default);
        return new Tenant(Client, Cluster, pool ?? SharedPool, name);
    }

    /// <summary>Looks until it is so, at most <paramref name="limit"/>; the failure says what was there instead.</summary>
    internal static async Task<T> EventuallyAsync<T>(string what, TimeSpan limit, Func<Task<T>> look, Func<T, bool> isSo)
    {
        using var timeout = new CancellationTokenSource(limit);
        while (true)
        {
            var seen = await look();
            if (isSo(seen)) return seen;
            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(250), TimeProvider.System, timeout.Token);
            }
            catch (OperationCanceledException)
            {
                throw new InvalidOperationException($"Not so within {limit}: {what}. Last seen:\n{KubernetesYaml.Serialize(seen)}");
            }
        }
    }

    private static V1Namespace Namespace(string name) => new() { ApiVersion = "v1", Kind = "Namespace", Metadata = new V1ObjectMeta { Name = name } };

    private V1Secret PushSecret(string space, string user, string password) => new()
    {
        ApiVersion = "v1",
        Kind = "Secret",
        Metadata = new V1ObjectMeta { Name = "push", NamespaceProperty = space },
        Type = "kubernetes.io/dockerconfigjson",
        StringData = new Dictionary<string, string>
        {
            [".dockerconfigjson"] = System.Text.Json.JsonSerializer.Serialize(new
            {
                auths = new Dictionary<string, object> { [Cluster.Registry.Host] = new { username = user, password } },
            }),
        },
    };
}
