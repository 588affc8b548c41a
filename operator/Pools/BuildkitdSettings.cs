using Slipway.Api;

namespace Slipway.Pools;

/// <summary>All that buildkitd.toml is rendered from.</summary>
internal sealed record BuildkitdSettings
{
    public required Platform Platform { get; init; }

    /// <summary>Bytes of the volume, or of the emptyDir's limit.</summary>
    public required long StorageBytes { get; init; }

    public required BuildkitFeatures Features { get; init; }

    public IReadOnlyList<PoolRegistry> Registries { get; init; } = [];

    /// <summary>Repositories of the gateway frontends that builds may use.</summary>
    public IReadOnlyList<string> Frontends { get; init; } = [];
}
