using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Amazon.S3;
using Amazon.S3.Model;

namespace Slipway.S3;

/// <summary>What a bucket's rules are to be, and whether they differ from what they are.</summary>
internal sealed record S3Merge(IReadOnlyList<LifecycleRule> Rules, bool Changed);

/// <summary>
/// The two rules of a pool's cache among those of others. A bucket has one list of rules, which is written as a whole.
/// </summary>
internal static class S3Lifecycle
{
    /// <summary>Of one bucket; the limit of S3.</summary>
    public const int MaxRules = 1000;

    /// <summary>No upload of BuildKit's takes longer: the build that it belongs to is over.</summary>
    private const int AbortDays = 2;

    private const int NoncurrentDays = 1;

    /// <summary>Of the names in a text of 200 characters.</summary>
    private const int MaxName = 40;

    /// <summary>From these classes an object has to be asked back hours before it can be read.</summary>
    private static readonly S3StorageClass[] Archives = [S3StorageClass.Glacier, S3StorageClass.DeepArchive];

    public static IReadOnlyList<LifecycleRule> Rules(S3Retention retention, bool versioned) =>
    [
        Rule($"{Ours(retention)}manifests", retention.ManifestsPrefix, retention.ManifestDays, versioned),
        Rule($"{Ours(retention)}blobs", retention.BlobsPrefix, retention.BlobDays, versioned),
    ];

    /// <summary>Ours in place of what was ours; all others as they are, and all in their order.</summary>
    public static S3Merge Merge(IReadOnlyList<LifecycleRule> existing, IReadOnlyList<LifecycleRule> ours, S3Retention retention)
    {
        var missing = ours.ToList();
        var merged = new List<LifecycleRule>();
        foreach (var rule in existing)
        {
            if (!IsOurs(rule, retention))
            {
                merged.Add(rule);
            }
            else if (missing.Find(own => own.Id == rule.Id) is { } own)
            {
                merged.Add(own);
                missing.Remove(own);
            }
        }

        merged.AddRange(missing);
        return new S3Merge(merged, !existing.Select(Meaning.Of).SequenceEqual(merged.Select(Meaning.Of)));
    }

    /// <summary>Whether what makes the cache go is there. Servers may leave out the rest, such as uploads that were broken off.</summary>
    public static bool Holds(IReadOnlyList<LifecycleRule> existing, IReadOnlyList<LifecycleRule> ours) =>
        ours.All(own => existing.Any(rule => rule.Id == own.Id && Expires(rule, own)));

    /// <summary>Rules of others that let the cache go before its time, each in words.</summary>
    public static IReadOnlyList<string> Conflicts(IReadOnlyList<LifecycleRule> existing, S3Retention retention) =>
        [.. existing.Where(rule => rule.Status == LifecycleRuleStatus.Enabled && rule.Id?.StartsWith(OfOwner(retention), StringComparison.Ordinal) is not true).Select(rule => Conflict(rule, retention)).OfType<string>()];

    /// <summary>
    /// No rule for delete markers: with Expiration.Days S3 removes those that stand alone by itself once they are as old, and a rule
    /// cannot hold both.
    /// </summary>
    private static LifecycleRule Rule(string id, string prefix, int days, bool versioned) => new()
    {
        Id = id,
        Status = LifecycleRuleStatus.Enabled,
        Filter = new LifecycleFilter { LifecycleFilterPredicate = new LifecyclePrefixPredicate { Prefix = prefix } },
        Expiration = new LifecycleRuleExpiration { Days = days },
        AbortIncompleteMultipartUpload = new LifecycleRuleAbortIncompleteMultipartUpload { DaysAfterInitiation = AbortDays },
        // Each touch of a blob leaves a copy.
        NoncurrentVersionExpiration = versioned ? new LifecycleRuleNoncurrentVersionExpiration { NoncurrentDays = NoncurrentDays } : null,
    };

    private static string OfOwner(S3Retention retention) => $"slipway-{retention.Owner}-";

    /// <summary>With the prefix: where the pool has another one now, the rules of the one before stay, and what is left there still goes.</summary>
    private static string Ours(S3Retention retention) => $"{OfOwner(retention)}{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(retention.Prefix)))[..8]}-";

    private static bool IsOurs(LifecycleRule rule, S3Retention retention) => rule.Id?.StartsWith(Ours(retention), StringComparison.Ordinal) is true;

    private static bool Expires(LifecycleRule rule, LifecycleRule own) =>
        rule.Status == LifecycleRuleStatus.Enabled && S3RuleScope.Of(rule) == S3RuleScope.Of(own) && rule.Expiration?.Days == own.Expiration.Days;

    private static string? Conflict(LifecycleRule rule, S3Retention retention)
    {
        var scope = S3RuleScope.Of(rule);
        return (scope.Overlaps(retention.BlobsPrefix) ? Conflict(rule, scope, "blobs", retention.BlobDays) : null)
            // A manifest that goes early makes a build slow, not fail; but the cache does not stay as long as it was to.
            ?? (scope.Overlaps(retention.ManifestsPrefix) ? Conflict(rule, scope, "manifests", retention.ManifestDays) : null);
    }

    private static string? Conflict(LifecycleRule rule, S3RuleScope scope, string what, int days)
    {
        var stay = $"{what} of the cache have to stay {days}";
        var subject = $"rule {Quoted(rule.Id)}";
        var archive = rule.Transitions?.Find(transition => Archives.Contains(transition.StorageClass) && !(transition.Days >= days));
        return rule.Expiration switch
        {
            { Days: { } early } when early < days => $"{subject} deletes {Objects(scope)} after {Days(early)}, {stay}",
            { Date: { } date } => $"{subject} deletes {Objects(scope)} on {Day(date)}, {stay} days",
            _ => archive switch
            {
                { Days: { } early } => $"{subject} archives {Objects(scope)} after {Days(early)}, {stay}",
                { Date: { } date } => $"{subject} archives {Objects(scope)} on {Day(date)}, {stay} days",
                _ => null,
            },
        };
    }

    private static string Objects(S3RuleScope scope) =>
        (scope.Prefix.Length == 0 ? "everything" : $"what begins with {Quoted(scope.Prefix)}") + (scope.NeedsSize ? " of some size" : "");

    private static string Days(int days) => days == 1 ? "1 day" : $"{days} days";

    private static string Day(DateTime date) => date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string Quoted(string? name)
    {
        var tidy = S3Faults.Tidy(name, MaxName + 1);
        return $"\"{(tidy.Length > MaxName ? tidy[..(MaxName - 1)] + "…" : tidy)}\"";
    }

    /// <summary>
    /// A rule without the form that a server or AWSSDK gives it: null and empty, Filter and the older Prefix. Enough for ours; those of
    /// others are put back as they came.
    /// </summary>
    private sealed record Meaning(string? Id)
    {
        public S3RuleScope? Scope { get; init; }

        public bool Enabled { get; init; }

        public int? Days { get; init; }

        public int? AbortDays { get; init; }

        public int? NoncurrentDays { get; init; }

        /// <summary>What ours never have, and somebody may have added.</summary>
        public bool HasMore { get; init; }

        public static Meaning Of(LifecycleRule rule) => new(rule.Id)
        {
            Scope = S3RuleScope.Of(rule),
            Enabled = rule.Status == LifecycleRuleStatus.Enabled,
            Days = rule.Expiration?.Days,
            AbortDays = rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
            NoncurrentDays = rule.NoncurrentVersionExpiration?.NoncurrentDays,
            HasMore = rule.Expiration is { Date: not null } or { ExpiredObjectDeleteMarker: true } || rule.Transitions is { Count: > 0 } || rule.NoncurrentVersionTransitions is { Count: > 0 }
                || rule.NoncurrentVersionExpiration?.NewerNoncurrentVersions is > 0,
        };
    }
}
