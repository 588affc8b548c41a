using Slipway.Api;

namespace Slipway.Tests.E2E;

/// <summary>tests/cluster: two nodes on this machine, with registries and a git server beside them. It stays up after the tests.</summary>
internal sealed class LocalCluster : ITestCluster
{
    private ClusterEnv? _env;
    private string? _imageDigest;

    public string Kubeconfig => Env["KUBECONFIG"];

    public string Kubectl => Env["KUBECTL"];

    public string BuildkitImage => "moby/buildkit:v0.13.2-rootless";

    public IReadOnlyList<string> Platforms => ["linux/amd64", "linux/arm64"];

    public TestRegistry Registry => new(Env["REGISTRY"], Env["REGISTRY_USER"], Env["REGISTRY_PASSWORD"], Env["REGISTRY_CA"]);

    public TestS3? S3 => new(Env["S3_ENDPOINT"], Env["S3_ACCESS_KEY"], Env["S3_SECRET_KEY"]);

    public string? HostAddress => Env["HOST_ADDRESS"];

    public IReadOnlyList<PoolRegistry> Mirrors =>
        [new PoolRegistry { Host = "docker.io", Mirrors = [Env["HUB"]] }, new PoolRegistry { Host = Env["HUB"], PlainHttp = true }];

    private ClusterEnv Env => _env ?? throw new InvalidOperationException("The cluster has not been started.");

    public async Task StartAsync()
    {
        await Shell.RunAsync("tests/cluster/cluster", "up");
        _env = ClusterEnv.Read();
        // Both nodes run programs of this machine's own architecture.
        _imageDigest = (await Shell.RunAsync("tests/image.sh", "slipway/slipway:dev", "amd64")).Trim().Split('@')[^1];
        await InstallAsync();
    }

    public async Task InstallAsync(params string[] values)
    {
        // Kubernetes 1.20 does not know x-kubernetes-validations; a current server needs neither option after the chart.
        await Shell.RunAsync(Env["HELM"], "--kubeconfig", Kubeconfig, "upgrade", "--install", "slipway", "charts/slipway", "--server-side=false", "--disable-openapi-validation",
            "--namespace", "slipway-system", "--create-namespace", "--values", "tests/demo/values.yaml", "--values", "tests/E2E/values.yaml",
            "--set", string.Join(',', [$"image.digest={_imageDigest}", .. values]));
        await KubectlAsync("--namespace", "slipway-system", "rollout", "status", "deployment/slipway", "--timeout", "180s");
    }

    public Task<string> KubectlAsync(params string[] arguments) => Shell.RunAsync(Kubectl, ["--kubeconfig", Kubeconfig, .. arguments]);

    public async Task<(string Url, string Commit)> PushAsync(string name, IReadOnlyDictionary<string, string> files)
    {
        var work = Directory.CreateTempSubdirectory("slipway-e2e-").FullName;
        try
        {
            foreach (var (path, content) in files) await File.WriteAllTextAsync(Path.Combine(work, path), content);
            var bare = Path.Combine(Env["GIT_ROOT"], $"{name}.git");
            await Shell.RunAsync("git", "-C", work, "init", "-q", "-b", "main");
            if (Directory.Exists(bare))
            {
                await Shell.RunAsync("git", "-C", work, "fetch", "-q", bare, "main");
                await Shell.RunAsync("git", "-C", work, "update-ref", "refs/heads/main", "FETCH_HEAD");
            }

            await Shell.RunAsync("git", "-C", work, "add", ".");
            await Shell.RunAsync("git", "-C", work, "-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "-c", "commit.gpgsign=false", "commit", "-qm", "e2e");
            await Shell.RunAsync("git", "init", "-q", "--bare", "-b", "main", bare);
            await Shell.RunAsync("git", "-C", work, "push", "-q", bare, "main");
            return ($"{Env["GIT_URL"]}/{name}.git", (await Shell.RunAsync("git", "-C", work, "rev-parse", "HEAD")).Trim());
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    /// <summary>A buildkitd outside the cluster: host:port, and the folder of its clients' certificate.</summary>
    public async Task<(string Address, string ClientFolder)> StartBuildkitdAsync() =>
        ($"{Env["HOST_ADDRESS"]}:1234", (await Shell.RunAsync("tests/cluster/cluster", "buildkitd", "up")).Trim());

    public static Task StopBuildkitdAsync() => Shell.RunAsync("tests/cluster/cluster", "buildkitd", "down");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
