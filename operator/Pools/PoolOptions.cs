using k8s.Models;

namespace Slipway.Pools;

/// <summary>What the installer decides, and what the API server said of itself at the start.</summary>
internal sealed record PoolOptions
{
    /// <summary>Image of pools that name none.</summary>
    public string DefaultImage { get; init; } = "moby/buildkit:v0.32.2-rootless";

    /// <summary>The API server's version: fields that an older one does not know, it drops without a word.</summary>
    public Version ServerVersion { get; init; } = new(1, 20);

    /// <summary>Limit of the emptyDir of builders without a volume.</summary>
    public ResourceQuantity EphemeralStorage { get; init; } = new("20Gi");

    /// <summary>How long a builder may be on its way out: builds that run on it are waited for.</summary>
    public TimeSpan TerminationGrace { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// How long what may pass by itself is waited for: an autoscaler needs minutes for a node, and buildkitd collects garbage.
    /// </summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromMinutes(10);

    public bool HasAppArmorField => ServerVersion >= new Version(1, 30);

    /// <summary>discovery.k8s.io/v1.</summary>
    public bool HasEndpointSlices => ServerVersion >= new Version(1, 21);

    /// <summary>Beta and on by default from there; before, volumes of a deleted pool stay until somebody deletes them.</summary>
    public bool HasVolumeRetention => ServerVersion >= new Version(1, 27);
}
