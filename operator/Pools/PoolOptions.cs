using k8s.Models;

namespace Slipway.Pools;

/// <summary>What the installer decides, and what the API server said of itself at the start.</summary>
internal sealed record PoolOptions
{
    /// <summary>buildkitd reads its certificate once, at its start, and a busy builder may not start anew for a long time.</summary>
    public static readonly TimeSpan DefaultServerCertificateLifetime = TimeSpan.FromHours(8760);

    /// <summary>Less would not last while a builder starts anew.</summary>
    public static readonly TimeSpan ShortestServerCertificateLifetime = TimeSpan.FromMinutes(2);

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

    /// <summary>How often at most a pool's counters of builds are written.</summary>
    public TimeSpan CountersInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Of builders' certificates issued from now on; each is replaced when a third of it is left.</summary>
    public TimeSpan ServerCertificateLifetime { get; init; } = DefaultServerCertificateLifetime;

    public bool HasAppArmorField => ServerVersion >= new Version(1, 30);

    /// <summary>discovery.k8s.io/v1.</summary>
    public bool HasEndpointSlices => ServerVersion >= new Version(1, 21);

    /// <summary>Beta and on by default from there; before, volumes of a deleted pool stay until somebody deletes them.</summary>
    public bool HasVolumeRetention => ServerVersion >= new Version(1, 27);
}
