using Slipway.Api;

namespace Slipway.Pools;

/// <summary>Whether a pool's BuildKit has known vulnerabilities: by what its builders report, and by the image that the next ones get.</summary>
internal static class PoolVersions
{
    private const int NamedBuilders = 3;

    /// <summary>Null where nothing is known against it, as with the other conditions that tell of trouble.</summary>
    public static Condition? Vulnerable(V1Alpha1BuilderPool pool, PoolOptions options, IEnumerable<BuilderStatus> builders)
    {
        if (pool.Spec.Platforms.All(platform => platform.Endpoints is { Count: > 0 })) return null;
        var image = PoolObjects.Image(pool, options);
        var ofImage = KnownVulnerabilities.Of(BuildkitFeatures.Of(image).Version);
        var reports = builders.Select(builder => (builder.Name, builder.Version, Known: KnownVulnerabilities.Of(BuildkitFeatures.Of(builder.Version).Version)))
            .Where(report => report.Known.Count > 0).ToList();
        // The oldest has them all.
        var known = reports.Select(report => report.Known).Append(ofImage).MaxBy(vulnerabilities => vulnerabilities.Count)!;
        if (known.Count == 0) return null;
        var subjects = reports.GroupBy(report => report.Version, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => $"{Names([.. group.Select(report => report.Name)])} on BuildKit {group.Key}");
        var subject = reports.Count > 0 ? string.Join("; ", subjects) : $"image {image}";
        return new Condition(
            Conditions.VersionVulnerable, Conditions.True, Reasons.KnownVulnerabilities,
            $"Known vulnerabilities in {subject}. Set spec.image to a BuildKit of v{KnownVulnerabilities.Floor} or newer. "
            + $"Advisories: {string.Join(", ", known.Select(vulnerability => vulnerability.Id))}.");
    }

    private static string Names(IReadOnlyList<string> names) => names.Count <= NamedBuilders
        ? string.Join(", ", names)
        : $"{string.Join(", ", names.Take(NamedBuilders))} and {names.Count - NamedBuilders} more";
}
