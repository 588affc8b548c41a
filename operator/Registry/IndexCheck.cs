namespace Slipway.Registry;

/// <summary>What an index must hold before a tag may point at it.</summary>
internal sealed record IndexExpectation
{
    public required IReadOnlyList<string> Platforms { get; init; }

    public required bool Provenance { get; init; }

    public required bool Sbom { get; init; }
}

internal static class IndexCheck
{
    private const string ProvenancePrefix = "https://slsa.dev/provenance/";
    private const string SpdxDocument = "https://spdx.dev/Document";

    /// <summary>Null where nothing is missing; else everything that is, in one sentence each.</summary>
    public static string? Problem(IndexContents contents, IndexExpectation expected)
    {
        var wanted = expected.Platforms.Select(PlatformName.Normalise).Distinct().ToList();
        IEnumerable<string> problems =
        [
            .. wanted.SelectMany(platform => PlatformProblems(contents, expected, platform)),
            .. contents.Images.Where(image => !wanted.Contains(image.Platform)).Select(image => $"{image.Platform} is in the index and was not asked for."),
            .. Strays(contents),
        ];
        var message = string.Join(' ', problems);
        return message.Length == 0 ? null : message;
    }

    private static IEnumerable<string> PlatformProblems(IndexContents contents, IndexExpectation expected, string platform)
    {
        var images = contents.Images.Where(image => image.Platform == platform).ToList();
        if (images.Count != 1)
        {
            yield return images.Count == 0 ? $"{platform} is missing." : $"{platform} is there {images.Count} times.";
            yield break;
        }

        var predicates = contents.Statements.Where(statement => statement.ImageDigest == images[0].Digest).Select(statement => statement.PredicateType).ToList();
        if (expected.Provenance && !predicates.Exists(predicate => predicate.StartsWith(ProvenancePrefix, StringComparison.Ordinal)))
        {
            yield return $"{platform} has no provenance.";
        }

        if (expected.Sbom && !predicates.Contains(SpdxDocument))
        {
            yield return $"{platform} has no SBOM.";
        }
    }

    /// <summary>A statement about an image that is not here would be trusted by nobody, or by mistake.</summary>
    private static IEnumerable<string> Strays(IndexContents contents)
    {
        var images = contents.Images.Select(image => image.Digest).ToHashSet(StringComparer.Ordinal);
        return contents.Statements.Where(statement => !images.Contains(statement.ImageDigest))
            .Select(statement => statement.ManifestDigest).Distinct()
            .Select(digest => $"The attestation manifest {digest} is about no image of the index.");
    }
}
