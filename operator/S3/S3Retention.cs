namespace Slipway.S3;

/// <summary>
/// How long what a pool's cache has in a bucket stays. An export touches the blobs it needs only where they are older than
/// <see cref="TouchRefresh"/>, and writes the manifest that names them at its end: so a manifest's blobs may be older than itself,
/// and a blob that goes before its manifest is a build that fails. Blobs stay longer by all of that.
/// </summary>
internal sealed record S3Retention
{
    /// <summary>From the look at a blob to the manifest that names it: spec.timeout is at most this.</summary>
    private static readonly TimeSpan LongestBuild = TimeSpan.FromHours(24);

    /// <summary>The server's clock and ours.</summary>
    private static readonly TimeSpan Clocks = TimeSpan.FromHours(1);

    /// <summary>What is due by a rule goes when the server comes to it: a manifest may outlive its day by this much.</summary>
    private const int LateDays = 2;

    /// <summary>The pool's uid.</summary>
    public required string Owner { get; init; }

    public string Prefix { get; init; } = "";

    /// <summary>Of a cache that nobody writes.</summary>
    public required TimeSpan Ttl { get; init; }

    public required TimeSpan TouchRefresh { get; init; }

    public string ManifestsPrefix => S3Layout.Manifests(Prefix);

    public string BlobsPrefix => S3Layout.Blobs(Prefix);

    /// <summary>For rules, which count whole days. Both kinds are rounded up to the same midnights, so that needs no day of its own.</summary>
    public int ManifestDays => WholeDays(Ttl);

    public int BlobDays => ManifestDays + WholeDays(TouchRefresh) + WholeDays(LongestBuild) + LateDays;

    /// <summary>For a sweep, which is never late: a manifest that is too old goes before any blob is looked at.</summary>
    public TimeSpan ManifestAge => Ttl;

    public TimeSpan BlobAge => Ttl + TouchRefresh + LongestBuild + Clocks;

    private static int WholeDays(TimeSpan span) => (int)Math.Ceiling(span.TotalDays);
}
