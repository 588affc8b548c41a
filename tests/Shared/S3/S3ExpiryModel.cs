using Amazon.S3;
using Amazon.S3.Model;

namespace Slipway.Tests.S3;

/// <summary>One export of a cache: it looks at its blobs, and some time later writes the manifest that names them.</summary>
internal sealed record Export(DateTimeOffset At, TimeSpan Takes, string Name, IReadOnlyList<int> Blobs)
{
    public DateTimeOffset Written => At + Takes;
}

/// <summary>
/// What S3 and BuildKit make of a bucket's rules, written from their documentation and not from the operator's code. An object is due
/// so many whole days after it was last written, rounded up to midnight UTC; the earliest of all rules that match counts; it goes
/// then or, as far as anybody promises, later. An export writes a blob that is missing, touches one that is older than touch_refresh, and
/// leaves a younger one as it is.
/// </summary>
internal sealed class S3ExpiryModel(IReadOnlyList<LifecycleRule> rules, string prefix, TimeSpan touchRefresh, Func<string, DateTimeOffset, TimeSpan> lateness)
{
    private readonly Dictionary<string, DateTimeOffset> _objects = [];
    private readonly Dictionary<string, IReadOnlyList<string>> _manifests = [];

    /// <summary>What is left when all that was to happen has happened.</summary>
    public IEnumerable<string> Objects => _objects.Keys;

    /// <summary>The first manifest that is there without a blob that it names; null where there never is one.</summary>
    public string? Violation(IEnumerable<Export> exports, DateTimeOffset end)
    {
        var moments = exports.SelectMany(Moments).Append((Time: end, Do: () => { })).OrderBy(moment => moment.Time);
        foreach (var (time, act) in moments)
        {
            while (NextToGo(time) is { } key)
            {
                _objects.Remove(key);
                _manifests.Remove(key);
                if (Broken() is { } broken) return $"{broken} when {key} had gone";
            }

            act();
            if (Broken() is { } lost) return $"{lost} at {time:O}";
        }

        return null;
    }

    /// <summary>When an object of this age may go at the earliest; null where no rule is for it.</summary>
    public DateTimeOffset? Due(string key, DateTimeOffset modified, long size = 1)
    {
        var times = rules.Where(rule => rule.Status == LifecycleRuleStatus.Enabled && rule.Expiration is not null && Matches(rule, key, size))
            .Select(rule => rule.Expiration.Days is { } days ? Midnight(modified.AddDays(days)) : rule.Expiration.Date is { } date ? new DateTimeOffset(date, TimeSpan.Zero) : (DateTimeOffset?)null);
        return times.Min();
    }

    private string? NextToGo(DateTimeOffset until) => _objects
        .Select(pair => (pair.Key, Goes: Due(pair.Key, pair.Value) + lateness(pair.Key, pair.Value)))
        .Where(pair => pair.Goes <= until).OrderBy(pair => pair.Goes).Select(pair => pair.Key).FirstOrDefault();

    private IEnumerable<(DateTimeOffset Time, Action Do)> Moments(Export export) => [(export.At, () => LookAt(export)), (export.Written, () => Write(export))];

    private void LookAt(Export export)
    {
        foreach (var blob in export.Blobs.Select(Blob))
        {
            if (!_objects.TryGetValue(blob, out var modified) || export.At - modified > touchRefresh) _objects[blob] = export.At;
        }
    }

    private void Write(Export export)
    {
        var key = $"{prefix}manifests/{export.Name}";
        _objects[key] = export.Written;
        _manifests[key] = [.. export.Blobs.Select(Blob)];
    }

    private string Blob(int number) => $"{prefix}blobs/sha256:{number}";

    private string? Broken() => _manifests.Where(manifest => !manifest.Value.All(_objects.ContainsKey)).Select(manifest => manifest.Key).FirstOrDefault();

    private static DateTimeOffset Midnight(DateTimeOffset time) => time.TimeOfDay == TimeSpan.Zero ? time : new DateTimeOffset(time.Date, TimeSpan.Zero).AddDays(1);

    private static bool Matches(LifecycleRule rule, string key, long size)
    {
#pragma warning disable CS0618 // The older form, which servers still answer with.
        var older = rule.Prefix;
#pragma warning restore CS0618
        return rule.Filter?.LifecycleFilterPredicate switch
        {
            null => key.StartsWith(older ?? rule.Filter?.Prefix ?? "", StringComparison.Ordinal),
            LifecycleAndOperator and => and.Operands.All(part => Matches(part, key, size)),
            var predicate => Matches(predicate, key, size),
        };
    }

    private static bool Matches(LifecycleFilterPredicate predicate, string key, long size) => predicate switch
    {
        LifecyclePrefixPredicate with => key.StartsWith(with.Prefix, StringComparison.Ordinal),
        LifecycleObjectSizeGreaterThanPredicate more => size > more.ObjectSizeGreaterThan,
        LifecycleObjectSizeLessThanPredicate less => size < less.ObjectSizeLessThan,
        // No object of BuildKit's has tags.
        LifecycleTagPredicate => false,
        _ => throw new NotSupportedException(predicate.GetType().Name),
    };
}
