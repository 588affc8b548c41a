using Slipway.Api;

namespace Slipway.Cache;

/// <summary>How long caches stay, and how often what they need is touched so that it does.</summary>
internal static class CacheTimes
{
    /// <summary>Two weeks: who builds less often than that builds cold.</summary>
    public static readonly TimeSpan DefaultTtl = TimeSpan.FromHours(336);

    private static readonly TimeSpan LongestTouchRefresh = TimeSpan.FromHours(24);

    public static TimeSpan TtlOf(PoolCache cache) => GoDuration.TryParse(cache.Ttl, out var ttl) ? ttl : DefaultTtl;

    /// <summary>An export that needs a blob and finds it older than this writes it anew: twice in its time at least.</summary>
    public static TimeSpan TouchRefreshOf(PoolCache cache) => TtlOf(cache) / 2 is var half && half < LongestTouchRefresh ? half : LongestTouchRefresh;
}
