using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Slipway.Builds;
using Slipway.JobPods;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Pki;
using Slipway.Pools;

namespace Slipway.Tests.ApiServer;

/// <summary>
/// An etcd and a kube-apiserver of the tests' own on loopback, with the CRDs, and with the operator's rights as config/rbac gives
/// them. Nothing else runs there: no controller-manager, scheduler or kubelet.
/// </summary>
public class LocalApiServer : IAsyncDisposable
{
    internal const string OperatorNamespace = "slipway-system";

    /// <summary>config/rbac's ServiceAccount.</summary>
    internal const string OperatorUser = "system:serviceaccount:slipway-system:slipway";

    /// <summary>Where builders must not get to.</summary>
    internal const string Address = "198.18.255.1";

    /// <summary>Of volumes that may grow.</summary>
    internal const string StorageClass = "expandable";

    private const string RunnerImage = "slipway/slipway:test";
    private const string AuditPolicy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("slipway-api-").FullName;
    private readonly string _adminToken = RandomNumberGenerator.GetHexString(32);
    private readonly string _operatorToken = RandomNumberGenerator.GetHexString(32);
    private LoopbackService? _etcd;
    private LoopbackService? _server;
    private KubeClient? _client;
    private string _host = "";

    /// <summary>The administrator's.</summary>
    internal KubeClient Client => _client ?? throw new InvalidOperationException("The API server has not been started.");

    internal AuditLog Audit => new(AuditFile, OperatorUser);

    internal string AuditFile => Path.Combine(_folder, "audit.log");

    /// <summary>Those of etcd and kube-apiserver.</summary>
    internal IReadOnlyList<int> ProcessIds => [_etcd!.ProcessId, _server!.ProcessId];

    /// <summary>Returns when it serves the CRDs.</summary>
    public virtual async ValueTask InitializeAsync()
    {
        var (etcd, server) = await BinariesAsync();
        using var http = new HttpClient();
        var store = $"http://127.0.0.1:{FreePort()}";
        _etcd = StartEtcd(etcd, store);
        await _etcd.ReadyAsync(http, new Uri($"{store}/health"), StartLimit);
        var port = FreePort();
        _host = $"https://127.0.0.1:{port}";
        _server = StartServer(server, store, port);
        // Not known before it has made itself a certificate.
        using var trusting = new HttpClient(new HttpClientHandler { ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator });
        trusting.DefaultRequestHeaders.Authorization = new("Bearer", _adminToken);
        await _server.ReadyAsync(trusting, new Uri($"{_host}/readyz"), StartLimit);
        _client = new KubeClient(new OperatorOptions { Cluster = Config(_adminToken), FieldManager = "test" }, TimeProvider.System);
        await InstallAsync();
    }

    public virtual async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        if (_server is not null) await _server.DisposeAsync();
        if (_etcd is not null) await _etcd.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>With the rights of config/rbac.</summary>
    internal KubernetesClientConfiguration OperatorConfig() => Config(_operatorToken);

    /// <summary>The same as a file, for an operator in a process of its own. Returns its path.</summary>
    internal string OperatorKubeconfig() => Write("operator.kubeconfig", Kubeconfig(_operatorToken));

    /// <summary>The administrator's, as a file. Returns its path.</summary>
    internal string Kubeconfig() => Write("admin.kubeconfig", Kubeconfig(_adminToken));

    /// <summary>The program itself as a process of its own, the only operator there.</summary>
    internal LoopbackService StartOperator(int port) => LoopbackService.Start(_folder, Path.Combine(AppContext.BaseDirectory, "slipway"),
        "operator", "--kubeconfig", OperatorKubeconfig(), "--leader-elect", "false", "--http-port", $"{port}",
        "--namespace", OperatorNamespace, "--runner-image", RunnerImage);

    internal static OperatorSettings OperatorSettings() => new()
    {
        HttpPort = 0,
        Pki = new PkiOptions { OperatorNamespace = OperatorNamespace },
        // Tests wait for the counters.
        Pools = new PoolOptions { CountersInterval = TimeSpan.FromMilliseconds(100) },
        Builds = new BuildOptions { Jobs = new JobOptions { RunnerImage = RunnerImage } },
        // What it says beyond that would stand between the tests' own lines.
        LogLevel = LogLevel.Error,
    };

    /// <summary>A namespace of the test's own, with labels to be found by.</summary>
    internal async Task<string> NamespaceAsync(string prefix, IDictionary<string, string>? labels = null)
    {
        var name = $"{prefix}-{Guid.NewGuid():N}"[..20];
        await Client.CreateAsync(new V1Namespace { Metadata = new V1ObjectMeta { Name = name, Labels = labels } }, default);
        return name;
    }

    /// <summary>Etcd and kube-apiserver; they are built where the cache lacks them.</summary>
    private static async Task<(string Etcd, string Server)> BinariesAsync()
    {
        const string Script = "tests/cluster/cluster build >&2 && source tests/cluster/lib.sh && artifact_path packages && artifact_path kubernetes";
        var (code, output, error) = await Tools.RunAsync("bash", "-c", Script);
        if (code != 0) throw new InvalidOperationException($"etcd and kube-apiserver cannot be had: {error}");
        var folders = output.Split('\n');
        return (Path.Combine(folders[0], "usr/bin/etcd"), Path.Combine(folders[1], "kube-apiserver"));
    }

    private LoopbackService StartEtcd(string program, string address)
    {
        var peers = $"http://127.0.0.1:{FreePort()}";
        return LoopbackService.Start(_folder, program,
            "--name=test", $"--data-dir={Path.Combine(_folder, "etcd")}", "--unsafe-no-fsync", "--log-level=warn",
            $"--listen-client-urls={address}", $"--advertise-client-urls={address}",
            $"--listen-peer-urls={peers}", $"--initial-advertise-peer-urls={peers}", $"--initial-cluster=test={peers}");
    }

    private LoopbackService StartServer(string program, string store, int port)
    {
        var key = Write("service-accounts.key", NewKey());
        var tokens = Write("tokens.csv", $"{_adminToken},admin,admin,system:masters\n{_operatorToken},{OperatorUser},operator\n");
        return LoopbackService.Start(_folder, program,
            $"--etcd-servers={store}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", $"--secure-port={port}",
            "--endpoint-reconciler-type=none", "--service-cluster-ip-range=198.19.0.0/16", "--allow-privileged",
            // OwnerReferencesPermissionEnforcement is what asks for rights on finalizers; nobody makes ServiceAccounts here, or lets go of volumes.
            "--authorization-mode=RBAC", "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
            "--disable-admission-plugins=ServiceAccount,StorageObjectInUseProtection",
            $"--token-auth-file={tokens}", $"--cert-dir={Path.Combine(_folder, "certificates")}",
            "--service-account-issuer=https://slipway.test", $"--service-account-signing-key-file={key}", $"--service-account-key-file={key}",
            $"--audit-policy-file={Write("audit-policy.yaml", AuditPolicy)}", $"--audit-log-path={AuditFile}");
    }

    private async Task InstallAsync()
    {
        foreach (var plural in new[] { "builderpools", "imagebuilds" })
        {
            await Client.CreateAsync(Read<V1CustomResourceDefinition>(Repository.Crd(plural)), default);
            await Eventually.SoAsync($"{plural} are served", () => Client.GetAsync<V1CustomResourceDefinition>(new("", $"{plural}.slipway.dev"), default),
                crd => crd.Status?.Conditions?.Any(condition => condition is { Type: "Established", Status: "True" }) ?? false);
        }

        await Client.CreateAsync(new V1Namespace { Metadata = new V1ObjectMeta { Name = OperatorNamespace } }, default);
        foreach (var document in Repository.Documents("config", "rbac")) await InstallAsync(document);
        // A server on loopback writes down no address of its own, and pools keep builders from it.
        await Client.CreateAsync(new V1Endpoints
        {
            Metadata = new V1ObjectMeta { Name = "kubernetes", NamespaceProperty = "default" },
            Subsets = [new V1EndpointSubset { Addresses = [new V1EndpointAddress { Ip = Address }], Ports = [new Corev1EndpointPort { Port = 443 }] }],
        }, default);
        await Client.CreateAsync(new V1StorageClass { Metadata = new V1ObjectMeta { Name = StorageClass }, Provisioner = "slipway.dev/test", AllowVolumeExpansion = true }, default);
    }

    private Task InstallAsync(JsonObject document) => (string?)document["kind"] switch
    {
        "ClusterRole" => Client.CreateAsync(Read<V1ClusterRole>(document), default),
        "ClusterRoleBinding" => Client.CreateAsync(Read<V1ClusterRoleBinding>(document), default),
        "Role" => Client.CreateAsync(Read<V1Role>(document), default),
        "RoleBinding" => Client.CreateAsync(Read<V1RoleBinding>(document), default),
        _ => Task.CompletedTask,
    };

    private string Kubeconfig(string token) => $$"""
        apiVersion: v1
        kind: Config
        current-context: test
        clusters: [{name: test, cluster: {server: "{{_host}}", certificate-authority: certificates/apiserver.crt} }]
        users: [{name: test, user: {token: "{{token}}"} }]
        contexts: [{name: test, context: {cluster: test, user: test} }]
        """;

    private KubernetesClientConfiguration Config(string token)
    {
        var trusted = new X509Certificate2Collection();
        trusted.ImportFromPemFile(Path.Combine(_folder, "certificates", "apiserver.crt"));
        return new KubernetesClientConfiguration { Host = _host, AccessToken = token, SslCaCerts = trusted };
    }

    private string Write(string name, string content)
    {
        var file = Path.Combine(_folder, name);
        File.WriteAllText(file, content);
        return file;
    }

    private static T Read<T>(JsonObject document) => KubernetesJson.Deserialize<T>(document.ToJsonString());

    private static string NewKey()
    {
        using var key = RSA.Create(2048);
        return key.ExportRSAPrivateKeyPem();
    }

    /// <summary>Free a moment ago: nothing else on this machine takes ports that it was not told.</summary>
    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
