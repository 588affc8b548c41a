namespace Slipway;

/// <summary>
/// When to give memory back, by what was allocated up to each of many looks ten seconds apart: at once where next to nothing is
/// allocated any more, and every half minute where only a little is. Under load never: what is given back is needed again.
/// </summary>
internal sealed class RestMoments
{
    private const long Megabyte = 1 << 20;

    /// <summary>Probes, leases and bookmarks come to this all the time.</summary>
    private const long QuietBytes = 2 * Megabyte;

    /// <summary>What comes of namespaces that are being deleted, or of a build now and then.</summary>
    private const long LittleBytes = 32 * Megabyte;

    /// <summary>Less is not worth a collection.</summary>
    private const long WorthBytes = 6 * Megabyte;

    private const int LooksBetween = 3;

    private long _lookedAt;
    private long _wasOneAt;
    private int _looks;

    public bool IsOne(long allocated)
    {
        var lately = allocated - _lookedAt;
        _lookedAt = allocated;
        _looks++;
        if (allocated - _wasOneAt <= WorthBytes) return false;
        if (lately >= (_looks < LooksBetween ? QuietBytes : LittleBytes)) return false;
        _wasOneAt = allocated;
        _looks = 0;
        return true;
    }
}
