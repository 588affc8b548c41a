using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Tests.E2E.Faults;

[assembly: AssemblyFixture(typeof(Slipway.Tests.E2E.ClusterFixture))]

namespace Slipway.Tests.E2E;

/// <summary>Tests that can have no others beside them, and come after those that can.</summary>
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
    private PodLogs? _logs;
    private StatusWatch? _statuses;
    private RegistryProxy? _proxy;

    internal ITestCluster Cluster { get; } = Environment.GetEnvironmentVariable("SLIPWAY_CLUSTER") == "k3s" ? new K3sCluster() : new LocalCluster();

    internal KubeClient Client => _client ?? throw new InvalidOperationException("The cluster has not been started.");

    internal PodLogs Logs => _logs ?? throw new InvalidOperationException("The cluster has not been started.");

    public async ValueTask InitializeAsync()
    {
        await Cluster.StartAsync();
        if (Cluster.HostAddress is { } address) _proxy = await RegistryProxy.StartAsync(Cluster.Registry, address);
        var config = KubernetesClientConfiguration.BuildConfigFromConfigFile(Cluster.Kubeconfig);
        _client = new KubeClient(new OperatorOptions { Cluster = config, FieldManager = "e2e" }, TimeProvider.System);
        _logs = new PodLogs(Cluster.Kubeconfig);
        _statuses = await StatusWatch.StartAsync(Client);
        await Client.ApplyAsync(new V1Namespace { ApiVersion = "v1", Kind = "Namespace", Metadata = new V1ObjectMeta { Name = PoolNamespace } }, default);
        await Client.ApplyAsync(Pool(SharedPool), default);
        await Wait.UntilAsync("the pool is Ready", TimeSpan.FromMinutes(3),
            () => Client.GetAsync<V1Alpha1BuilderPool>(SharedPool, default),
            pool => pool.Status?.ObservedGeneration == pool.Metadata.Generation && pool.Status?.Conditions.IsTrue(Conditions.Ready) is true);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_statuses is not null) await _statuses.CheckAsync();
        }
        finally
        {
            await EndAsync();
        }
    }

    private async Task EndAsync()
    {
        if (_statuses is not null) await _statuses.DisposeAsync();
        if (_client is not null)
        {
            await Client.DeleteAsync<V1Alpha1BuilderPool>(SharedPool, null, PropagationPolicy.Background, default);
            _client.Dispose();
        }

        _logs?.Dispose();
        if (_proxy is not null) await _proxy.DisposeAsync();
        await Cluster.DisposeAsync();
    }

    /// <summary>A registry that a test can make do as it likes.</summary>
    internal RegistryProxy Proxy
    {
        get
        {
            if (_proxy is null) Assert.Skip("Pods do not reach the tests' own machine here: local cluster only.");
            return _proxy;
        }
    }

    /// <summary>For caches in a bucket.</summary>
    internal TestS3 S3
    {
        get
        {
            if (Cluster.S3 is null) Assert.Skip("There is no S3 server beside k3s: this test runs on the local cluster alone.");
            return Cluster.S3;
        }
    }

    /// <summary>Other values of the chart. Who led before may do so until its pod is gone, which a rollout does not wait for.</summary>
    internal async Task ReinstallAsync(params string[] values)
    {
        await Cluster.InstallAsync(values);
        await Wait.UntilAsync("the operator of before is gone", TimeSpan.FromMinutes(2),
            () => Client.ListPageAsync<V1Pod>(new ListQuery { Namespace = "slipway-system" }, default), pods => pods.Items.All(pod => pod.Metadata.DeletionTimestamp is null));
    }

    internal V1Alpha1BuilderPool Pool(NamespacedName key) => TestPool.Of(Cluster, key, _proxy?.OfThePool ?? []);

    /// <summary>
    /// A namespace of the test's own, admitted by the pool, with the Secret that pushes need. It is deleted with the test.
    /// Returns when it is the test's turn.
    /// </summary>
    internal async Task<Tenant> TenantAsync(bool admitted = true, string? password = null, NamespacedName? pool = null, string? name = null, TestRegistry? registry = null, bool writesCache = false)
    {
        await Shared.JoinAsync();
        var tenant = await Tenant.CreateAsync(Client, registry ?? Cluster.Registry, pool ?? SharedPool, name ?? $"e2e-{Guid.NewGuid():N}"[..16], admitted, password, writesCache ? Cluster.Registry.Host : null);
        tenant.BeforeCreate = JoinAsync;
        return tenant;
    }

    /// <summary>A build of several platforms counts on the second node: its test has said so before.</summary>
    private static Task JoinAsync(V1Alpha1ImageBuild build) => Shared.JoinAsync(node: build.Spec.Platforms is { Count: 1 } ? Use.Bears : Use.CountsOn);
}
