using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Slipway.Cache;

/// <summary>What is known of one cache: of one scope and platform of a namespace.</summary>
internal sealed record CacheEntry
{
    public required string Namespace { get; init; }

    public required string Scope { get; init; }

    public required string Platform { get; init; }

    /// <summary>A build has read or written it then, or up to six hours later.</summary>
    public required DateTimeOffset LastUsed { get; init; }

    /// <summary>It was written then, or up to six hours later; null where nobody knows of that.</summary>
    public DateTimeOffset? LastExport { get; init; }

    /// <summary>Cached steps over all of the last build that differed in it, two decimals.</summary>
    public string? Ratio { get; init; }

    /// <summary>When that build ended: what a Job of an older one still tells is no news.</summary>
    public DateTimeOffset? RatioAt { get; init; }
}

/// <summary>A build's use of a cache, under its name: the tag, or the manifest's in a bucket.</summary>
internal sealed record CacheUse(string Name, string Namespace, string Scope, string Platform, DateTimeOffset At)
{
    /// <summary>True where the cache was written then.</summary>
    public bool Exported { get; init; }

    /// <summary>Null where nothing was counted.</summary>
    public double? Ratio { get; init; }

    /// <summary>True where it is another's, which the build only reads.</summary>
    public bool OfAnother { get; init; }
}

/// <summary>
/// When each cache was used last: no registry and no bucket tells. An entry is as exact as what is asked of it, days, and so a scope
/// that is built every minute is written four times a day.
/// </summary>
internal static class CacheLedger
{
    /// <summary>A ConfigMap takes a megabyte. Beyond this, the caches that were not used for longest go before their time.</summary>
    public const int RoomForUse = 600 * 1024;

    /// <summary>Beyond this, they are forgotten, whether or not somebody could delete them.</summary>
    public const int Room = 800 * 1024;

    /// <summary>In bytes, with its name: so that few need not be counted in every pass.</summary>
    private const int LongestEntry = 1024;

    private const double WorthWriting = 0.1;

    private static readonly TimeSpan LongestGrain = TimeSpan.FromHours(6);
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    public static string Write(CacheEntry entry) => JsonSerializer.Serialize(entry, Json);

    /// <summary>Null for what is no entry: a ConfigMap can be edited by people.</summary>
    public static CacheEntry? Read(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<CacheEntry>(text, Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>How much later than noted a cache may have been used: an eighth of a short time.</summary>
    public static TimeSpan Grain(TimeSpan ttl) => ttl / 8 < LongestGrain ? ttl / 8 : LongestGrain;

    /// <summary>The entry with that use; null where it says nothing new.</summary>
    public static CacheEntry? After(CacheEntry? before, CacheUse use, TimeSpan ttl)
    {
        var entry = before ?? new CacheEntry { Namespace = use.Namespace, Scope = use.Scope, Platform = use.Platform, LastUsed = use.At };
        if (use.At - entry.LastUsed >= Grain(ttl)) entry = entry with { LastUsed = use.At };
        if (use.Exported && (entry.LastExport is not { } last || use.At - last >= Grain(ttl))) entry = entry with { LastExport = use.At };
        if (use.Ratio is { } ratio && !(use.At <= entry.RatioAt) && (RatioOf(entry) is not { } known || Math.Abs(ratio - known) >= WorthWriting))
            entry = entry with { Ratio = ratio.ToString("0.00", CultureInfo.InvariantCulture), RatioAt = use.At };
        return entry == before ? null : entry;
    }

    public static double? RatioOf(CacheEntry? entry) =>
        double.TryParse(entry?.Ratio, NumberStyles.Float, CultureInfo.InvariantCulture, out var ratio) ? ratio : null;

    /// <summary>A hot cache that nothing has missed is written all the same before half of its time is over, and so never goes.</summary>
    public static bool IsExportDue(CacheEntry? entry, TimeSpan ttl, DateTimeOffset now) => entry?.LastExport is not { } last || now - last >= ttl / 2;

    /// <summary>Nobody has used it for its time.</summary>
    public static bool IsOver(CacheEntry entry, TimeSpan ttl, DateTimeOffset now) => GoesAt(entry, ttl) <= now;

    /// <summary>No build has used it since then.</summary>
    public static bool IsUnusedSince(CacheEntry entry, DateTimeOffset then, TimeSpan ttl) => entry.LastUsed + Grain(ttl) <= then;

    /// <summary>Those that nobody has used for their time, and those for which there is no room; the longest unused first.</summary>
    public static IReadOnlyList<string> Unused(IReadOnlyDictionary<string, CacheEntry> entries, TimeSpan ttl, DateTimeOffset now)
    {
        var byAge = ByAge(entries);
        var overdue = byAge.TakeWhile(entry => IsOver(entry.Value, ttl, now)).Count();
        return [.. byAge.Take(Math.Max(overdue, TooMany(byAge, RoomForUse))).Select(entry => entry.Key)];
    }

    /// <summary>Those of which nothing can be left, or that nobody could delete for twice their time, and those for which there is no room at all.</summary>
    public static IReadOnlyList<string> Forgettable(IReadOnlyDictionary<string, CacheEntry> entries, TimeSpan ttl, DateTimeOffset now)
    {
        var byAge = ByAge(entries);
        var old = byAge.TakeWhile(entry => IsOver(entry.Value, ttl * 2, now)).Count();
        return [.. byAge.Take(Math.Max(old, TooMany(byAge, Room))).Select(entry => entry.Key)];
    }

    private static List<KeyValuePair<string, CacheEntry>> ByAge(IReadOnlyDictionary<string, CacheEntry> entries) =>
        [.. entries.OrderBy(entry => entry.Value.LastUsed).ThenBy(entry => entry.Key, StringComparer.Ordinal)];

    /// <summary>How many of the oldest have to go so that the others fit.</summary>
    private static int TooMany(List<KeyValuePair<string, CacheEntry>> byAge, int room)
    {
        if (byAge.Count <= room / LongestEntry) return 0;
        var (fit, bytes) = (byAge.Count, 0);
        while (fit > 0 && (bytes += byAge[fit - 1].Key.Length + Write(byAge[fit - 1].Value).Length) <= room) fit--;
        return fit;
    }

    /// <summary>When the first of them has not been used for its time; null where there is none.</summary>
    public static DateTimeOffset? FirstGoesAt(IReadOnlyDictionary<string, CacheEntry> entries, TimeSpan ttl) =>
        entries.Count == 0 ? null : entries.Values.Min(entry => GoesAt(entry, ttl));

    private static DateTimeOffset GoesAt(CacheEntry entry, TimeSpan ttl) => entry.LastUsed + ttl + Grain(ttl);
}
