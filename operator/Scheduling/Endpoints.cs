using Slipway.Api;

namespace Slipway.Scheduling;

/// <summary>Builders outside the cluster, as their pool's spec names them.</summary>
internal static class Endpoints
{
    private const int UidLength = 32;

    /// <summary>True where the builders of the platform are not the pool's own.</summary>
    public static bool Serve(PoolPlatform platform) => platform.Endpoints is not null;

    /// <summary>In the order of the spec. What is no address is left out: validation tells of it.</summary>
    public static IEnumerable<Builder> Of(V1Alpha1BuilderPool pool, PoolPlatform platform) =>
        (platform.Endpoints ?? []).Select((endpoint, ordinal) => Of(pool, platform, endpoint, ordinal)).OfType<Builder>();

    private static Builder? Of(V1Alpha1BuilderPool pool, PoolPlatform platform, PoolEndpoint endpoint, int ordinal)
    {
        if (!Uri.TryCreate(endpoint.Address, UriKind.Absolute, out var url) || url.Port <= 0) return null;
        return new Builder
        {
            Name = url.Authority,
            Uid = ChildNames.Hash($"{pool.Metadata.Uid}/{platform.Platform}/{endpoint.Address}", UidLength),
            Ordinal = ordinal,
            Address = endpoint.Address,
            // Without the brackets of an IPv6 address.
            ServerName = url.IdnHost,
            Mode = BuilderModes.External,
            ClientSecret = endpoint.TlsSecretRef.Name,
            Ready = true,
            Draining = false,
        };
    }
}
