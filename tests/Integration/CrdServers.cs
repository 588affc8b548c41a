using System.Text.Json.Nodes;
using k8s;

namespace Slipway.Tests.Integration;

/// <summary>A server with both CRDs installed for as long as the tests run.</summary>
public abstract class CrdServer : IAsyncLifetime
{
    private static readonly string[] Plurals = ["builderpools", "imagebuilds"];
    private readonly List<JsonNode> _crds = [];
    private CrdApi? _api;

    /// <summary>Why there is no such server today; null where there is.</summary>
    public string? Missing { get; private set; }

    internal IReadOnlyList<JsonNode> Crds => _crds;

    internal CrdApi Api => _api ?? throw new InvalidOperationException(Missing ?? "not started");

    public async ValueTask InitializeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(30));
        Missing = await StartAsync(patience.Token);
        if (Missing is not null) return;
        _api = Connect(ClusterEnv.Read());
        foreach (var plural in Plurals) await _api.InstallAsync(plural, patience.Token);
        foreach (var plural in Plurals) _crds.Add(await _api.EstablishedAsync(plural, patience.Token));
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_api is null) return;
        foreach (var plural in Plurals) await _api.UninstallAsync(plural, CancellationToken.None);
        _api.Dispose();
    }

    /// <summary>Null, or why it cannot be had.</summary>
    internal abstract Task<string?> StartAsync(CancellationToken cancel);

    internal abstract CrdApi Connect(ClusterEnv cluster);

    internal static async Task UpAsync(CancellationToken cancel)
    {
        var (code, output) = await ClusterScript.RunAsync(cancel, "up");
        if (code != 0) throw new InvalidOperationException($"'tests/cluster/cluster up' ended with {code}:\n{output}");
    }
}

/// <summary>Kubernetes 1.20, which knows schemas and ignores CEL rules.</summary>
public sealed class OldCrdServer : CrdServer
{
    internal override async Task<string?> StartAsync(CancellationToken cancel)
    {
        await UpAsync(cancel);
        return null;
    }

    internal override CrdApi Connect(ClusterEnv cluster)
    {
        var config = KubernetesClientConfiguration.BuildConfigFromConfigFile(cluster["KUBECONFIG"]);
        return new CrdApi(config.Host, cluster["API_TOKEN"], config.SslCaCerts[0].ExportCertificatePem());
    }
}

/// <summary>A current apiextensions-apiserver, where CEL rules run.</summary>
public sealed class CurrentCrdServer : CrdServer
{
    /// <summary>What the script ends with where Debian's newest packages cannot be had.</summary>
    private const int CannotBeHad = 75;

    internal override async Task<string?> StartAsync(CancellationToken cancel)
    {
        await UpAsync(cancel);
        var (code, output) = await ClusterScript.RunAsync(cancel, "crd-server", "up");
        return code switch
        {
            0 => null,
            CannotBeHad => $"there is no current CRD server: {output}",
            _ => throw new InvalidOperationException($"'tests/cluster/cluster crd-server up' ended with {code}:\n{output}"),
        };
    }

    internal override CrdApi Connect(ClusterEnv cluster) =>
        new(cluster["CRD_SERVER"], cluster["API_TOKEN"], File.ReadAllText(cluster["CRD_SERVER_CA"]));
}
