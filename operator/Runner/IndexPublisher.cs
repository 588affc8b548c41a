using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>
/// What comes before the commit point of a build (<see cref="TagPublisher"/>): read what the platforms pushed, put it together
/// and look whether it is whole.
/// </summary>
internal sealed class IndexPublisher(RegistryClient registry)
{
    /// <summary>An index with everything that was asked for in it, or a failure.</summary>
    public async Task<(ManifestBody Index, IndexContents Contents)> AssembleAsync(
        IReadOnlyList<string> digests, IndexExpectation expected, CancellationToken token)
    {
        var sources = new List<IndexSource>();
        foreach (var digest in digests)
        {
            var manifest = await registry.GetManifestAsync(digest, token);
            var platform = MediaTypes.IsIndex(manifest.MediaType) ? null : await registry.GetPlatformAsync(manifest, token);
            sources.Add(new IndexSource { Manifest = manifest, Platform = platform });
        }

        var index = IndexAssembly.Merge(sources);
        var contents = await registry.GetContentsAsync(index, token);
        return IndexCheck.Problem(contents, expected) is { } problem
            ? throw new RunFailureException(FailureClass.Registry, FailureReasons.ResultIncomplete, $"What was pushed is not whole, no tag was moved: {problem}")
            : (index, contents);
    }

    public static IndexExpectation Expectation(IReadOnlyList<string> platforms, AttestationDescription attestations) =>
        new() { Platforms = platforms, Provenance = attestations.WantsProvenance, Sbom = attestations.Sbom };

    public static IReadOnlyList<AttestationResult> Attestations(IndexContents contents) =>
        [.. contents.Statements.Select(statement => new AttestationResult(statement.ManifestDigest, statement.PredicateType, statement.Digest, statement.Size))];
}
