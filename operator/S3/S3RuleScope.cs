using Amazon.S3.Model;

namespace Slipway.S3;

/// <summary>Which objects a rule is for. Servers and AWSSDK have several forms for the same.</summary>
internal sealed record S3RuleScope(string Prefix)
{
    /// <summary>Only objects with certain tags; BuildKit's have none.</summary>
    public bool NeedsTags { get; init; }

    /// <summary>Only objects of certain sizes; blobs have any.</summary>
    public bool NeedsSize { get; init; }

    public static S3RuleScope Of(LifecycleRule rule) => rule.Filter is { } filter ? Of(filter) : new S3RuleScope(LegacyPrefix(rule) ?? "");

    public bool Overlaps(string prefix) =>
        !NeedsTags && (Prefix.StartsWith(prefix, StringComparison.Ordinal) || prefix.StartsWith(Prefix, StringComparison.Ordinal));

    private static S3RuleScope Of(LifecycleFilter filter) => filter.LifecycleFilterPredicate is { } predicate ? Of(predicate) : new S3RuleScope(filter.And?.Prefix ?? filter.Prefix ?? "")
    {
        NeedsTags = filter.Tag is not null || filter.And?.Tags is { Count: > 0 },
        NeedsSize = (filter.ObjectSizeGreaterThan ?? filter.ObjectSizeLessThan ?? filter.And?.ObjectSizeGreaterThan ?? filter.And?.ObjectSizeLessThan) is not null,
    };

    private static S3RuleScope Of(LifecycleFilterPredicate predicate)
    {
        var parts = predicate is LifecycleAndOperator and ? and.Operands : [predicate];
        return new S3RuleScope(parts.OfType<LifecyclePrefixPredicate>().FirstOrDefault()?.Prefix ?? "")
        {
            NeedsTags = parts.OfType<LifecycleTagPredicate>().Any(),
            NeedsSize = parts.Any(part => part is LifecycleObjectSizeGreaterThanPredicate or LifecycleObjectSizeLessThanPredicate),
        };
    }

    private static string? LegacyPrefix(LifecycleRule rule)
    {
#pragma warning disable CS0618 // Not to be written any more, but still to be met.
        return rule.Prefix;
#pragma warning restore CS0618
    }
}
