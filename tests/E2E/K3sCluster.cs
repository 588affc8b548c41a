using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Containers;
using DotNet.Testcontainers.Networks;
using Slipway.Api;
using Testcontainers.K3s;

namespace Slipway.Tests.E2E;

/// <summary>
/// The same suite on k3s in Docker with public images, where SLIPWAY_CLUSTER=k3s asks for it. SLIPWAY_IMAGE names an image of Slipway
/// that Docker can pull. One node, so one platform; builds push to a registry container without a password.
/// </summary>
internal sealed class K3sCluster : ITestCluster
{
    private const string RegistryName = "registry";
    private const int RegistryPort = 5000;

    private readonly INetwork _network;
    private readonly IContainer _registry;
    private readonly K3sContainer _k3s;
    private readonly string _kubeconfig = Path.GetTempFileName();

    public K3sCluster()
    {
        _network = new NetworkBuilder().Build();
        _registry = new ContainerBuilder("registry:3").WithNetwork(_network).WithNetworkAliases(RegistryName).WithPortBinding(RegistryPort, assignRandomHostPort: true).Build();
        _k3s = new K3sBuilder("rancher/k3s:v1.36.1-k3s1").WithNetwork(_network).Build();
    }

    public string Kubeconfig => _kubeconfig;

    public string Kubectl => "kubectl";

    public string BuildkitImage => "moby/buildkit:v0.32.2-rootless";

    public IReadOnlyList<string> Platforms => [System.Runtime.InteropServices.RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "linux/arm64" : "linux/amd64"];

    public TestRegistry Registry => new($"{RegistryName}:{RegistryPort}", User: null, Password: null, CaPath: null) { Dial = $"{_registry.Hostname}:{_registry.GetMappedPublicPort(RegistryPort)}" };

    public TestS3? S3 => null;

    public string? HostAddress => null;

    public IReadOnlyList<PoolRegistry> Mirrors => [];

    public async Task StartAsync()
    {
        await _network.CreateAsync();
        await Task.WhenAll(_registry.StartAsync(), _k3s.StartAsync());
        await File.WriteAllTextAsync(_kubeconfig, await _k3s.GetKubeconfigAsync());
        await InstallAsync();
    }

    public async Task InstallAsync(params string[] values)
    {
        var image = Environment.GetEnvironmentVariable("SLIPWAY_IMAGE") ?? throw new InvalidOperationException("SLIPWAY_IMAGE must name an image of Slipway for SLIPWAY_CLUSTER=k3s.");
        var parts = image.Split(':', 2);
        await Shell.RunAsync("helm", "--kubeconfig", Kubeconfig, "upgrade", "--install", "slipway", "charts/slipway", "--namespace", "slipway-system",
            "--create-namespace", "--wait", "--values", "tests/E2E/values.yaml", "--set", string.Join(',', [$"image.repository={parts[0]}", $"image.tag={parts[1]}", .. values]));
    }

    public Task<string> KubectlAsync(params string[] arguments) => Shell.RunAsync(Kubectl, ["--kubeconfig", Kubeconfig, .. arguments]);

    public Task<(string Url, string Commit)> PushAsync(string name, IReadOnlyDictionary<string, string> files)
    {
        Assert.Skip("There is no git server beside k3s: this test runs on the local cluster alone.");
        return Task.FromException<(string Url, string Commit)>(new NotSupportedException());
    }

    public async ValueTask DisposeAsync()
    {
        await _k3s.DisposeAsync();
        await _registry.DisposeAsync();
        await _network.DisposeAsync();
        File.Delete(_kubeconfig);
    }
}
