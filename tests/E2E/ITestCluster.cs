namespace Slipway.Tests.E2E;

/// <summary>A Kubernetes with the operator on it, and what builds need around it.</summary>
internal interface ITestCluster : IAsyncDisposable
{
    Task StartAsync();

    /// <summary>Installs the operator's chart, or changes these of its values (name=value); those of the last call hold no longer.</summary>
    Task InstallAsync(params string[] values);

    /// <summary>kubectl as administrator; throws where it fails.</summary>
    Task<string> KubectlAsync(params string[] arguments);

    string Kubeconfig { get; }

    /// <summary>The program.</summary>
    string Kubectl { get; }

    /// <summary>The rootless BuildKit image of the pools.</summary>
    string BuildkitImage { get; }

    IReadOnlyList<string> Platforms { get; }

    /// <summary>The registry that builds push to.</summary>
    TestRegistry Registry { get; }

    /// <summary>An S3 server that pods and the tests reach by the same address; null where there is none.</summary>
    TestS3? S3 { get; }

    /// <summary>An address of this machine that pods reach; null where there is none.</summary>
    string? HostAddress { get; }

    /// <summary>Entries for a pool's spec.registries beside the push registry's own.</summary>
    IReadOnlyList<Api.PoolRegistry> Mirrors { get; }

    /// <summary>Makes a repository with these files in one commit on branch main, or, where it is there, puts one more commit on that; returns its address and the commit.</summary>
    Task<(string Url, string Commit)> PushAsync(string name, IReadOnlyDictionary<string, string> files);
}

/// <summary>Path style, any region.</summary>
internal sealed record TestS3(string Endpoint, string AccessKey, string SecretKey);

internal sealed record TestRegistry(string Host, string? User, string? Password, string? CaPath)
{
    /// <summary>Where the tests themselves reach it, if not by the name that builds use.</summary>
    public string? Dial { get; init; }

    public string? Ca => CaPath is null ? null : File.ReadAllText(CaPath);

    public bool PlainHttp => CaPath is null;
}
