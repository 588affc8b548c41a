using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>What a pool says of builders outside the cluster.</summary>
internal static class EndpointProgress
{
    /// <summary>Null where on every platform of such builders one has been reached, or none was tried.</summary>
    public static string? Unreachable(PoolSnapshot snapshot)
    {
        var lost = snapshot.Pool.Spec.Platforms.Where(platform => Endpoints.Serve(platform) && !snapshot.Endpoints(platform).Any(IsReached))
            .OrderBy(platform => platform.Platform, StringComparer.Ordinal).ToList();
        return lost.Count == 0 ? null
            : string.Join(" ", lost.Select(platform => $"The last builds for {platform.Platform} could not reach {string.Join(", ", snapshot.Endpoints(platform).Select(builder => builder.Name))}."))
              + " The next builds try again, one at a time. See whether buildkitd runs there, and whether build Jobs may connect to it.";
    }

    /// <summary>Not where the next build is to find out: the pool would be ready and not ready in turns.</summary>
    private static bool IsReached(Builder builder) => builder is { Ready: true, Room: null };
}
