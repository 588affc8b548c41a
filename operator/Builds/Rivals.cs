using Slipway.Api;

namespace Slipway.Builds;

/// <summary>
/// What other builds mean for one. Those of its own namespace alone: what a Job of another tenant tells of a tag is that tenant's word.
/// </summary>
internal sealed record Rivals
{
    public static readonly Rivals None = new();

    /// <summary>Times are of whole seconds, and then names decide: any order will do, as long as there is one.</summary>
    private static readonly Comparer<(DateTime Asked, string Name)> ByTurn = Comparer<(DateTime Asked, string Name)>.Create((one, other) =>
        one.Asked.CompareTo(other.Asked) is var turn and not 0 ? turn : string.CompareOrdinal(one.Name, other.Name));

    /// <summary>The newest build of its concurrency group, where that is another one. One that is cancelled itself ends no other.</summary>
    public string? NewerInGroup { get; init; }

    /// <summary>Tags of this build that newer builds have put.</summary>
    public IReadOnlySet<string> TagsOfNewer { get; init; } = new HashSet<string>();

    /// <summary>A build that is putting one of this one's tags.</summary>
    public string? Publishing { get; init; }

    /// <summary>An older build that is under way, and whose status does not say yet that this one has put tags of it.</summary>
    public string? Unaware { get; init; }

    /// <param name="build">The one that is looked at.</param>
    /// <param name="asked">When it was asked for.</param>
    /// <param name="group">Builds of its concurrency group, itself among them.</param>
    /// <param name="sameTags">Builds that name one of its tags, itself among them.</param>
    /// <param name="publishes">Whether a build has a Job that may put tags now.</param>
    public static Rivals Of(
        V1Alpha1ImageBuild build, DateTime asked, IEnumerable<V1Alpha1ImageBuild> group, IReadOnlyList<V1Alpha1ImageBuild> sameTags, Func<V1Alpha1ImageBuild, bool> publishes) => new()
        {
            NewerInGroup = group.Where(other => IsOther(other, build) && other.Spec.Cancel is not true).Select(other => (RequestedAt(other), other.Metadata.Name)).Where(other => ByTurn.Compare(other, (asked, build.Metadata.Name)) > 0)
                .OrderDescending(ByTurn).Select(other => other.Name).FirstOrDefault(),
            TagsOfNewer = sameTags.SelectMany(other => PutAfter(other, build, asked)).ToHashSet(),
            Publishing = sameTags.FirstOrDefault(other => IsOther(other, build) && other.Status?.CompletedAt is null && publishes(other))?.Metadata.Name,
            Unaware = sameTags.FirstOrDefault(other => IsOther(other, build) && other.Status?.CompletedAt is null
                && PutAfter(build, other, RequestedAt(other)).Except(other.Status?.SupersededTags ?? []).Any())?.Metadata.Name,
        };

    /// <summary>The index of builds by what they tag: one entry for each tag.</summary>
    public static IEnumerable<string> TagsOf(V1Alpha1ImageBuild build) =>
        build.Spec.Output.Tags.Select(tag => $"{build.Metadata.NamespaceProperty} {build.Spec.Output.Image}:{tag}");

    /// <summary>The index of builds by their concurrency group, which is one of a namespace and a pool.</summary>
    public static IEnumerable<string> GroupOf(V1Alpha1ImageBuild build) =>
        build.Spec.ConcurrencyGroup is { Length: > 0 } group ? [$"{build.Metadata.NamespaceProperty} {BuildSnapshot.PoolKeyOf(build)} {group}"] : [];

    private static bool IsOther(V1Alpha1ImageBuild other, V1Alpha1ImageBuild build) =>
        other.Metadata.Uid != build.Metadata.Uid && other.Metadata.DeletionTimestamp is null;

    /// <summary>
    /// The build's tags that the other one has put, if that is newer. Of two that were asked for in one second neither is. One that is
    /// being deleted has put them all the same.
    /// </summary>
    private static IEnumerable<string> PutAfter(V1Alpha1ImageBuild other, V1Alpha1ImageBuild build, DateTime asked) =>
        other.Metadata.Uid != build.Metadata.Uid && other.Status is { Phase: Phases.Succeeded, RequestedAt: { } later } status && later > asked
        && (status.Image?.StartsWith($"{build.Spec.Output.Image}@", StringComparison.Ordinal) ?? false)
            ? (status.Tags ?? []).Intersect(build.Spec.Output.Tags)
            : [];

    /// <summary>By its status, or, as long as that is empty, by the object.</summary>
    public static DateTime RequestedAt(V1Alpha1ImageBuild build) => build.Status?.RequestedAt ?? build.Metadata.CreationTimestamp ?? default;
}
