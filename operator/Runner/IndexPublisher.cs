using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>
/// The commit point of a build: read what the platforms pushed, put it together, look whether it is whole, and only then let
/// tags point at it. Doing it again changes nothing.
/// </summary>
internal sealed class IndexPublisher(RegistryClient registry, TextWriter log)
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

    public async Task TagAsync(ManifestBody index, IReadOnlyList<string> tags, CancellationToken token)
    {
        await registry.PutManifestAsync(index.Digest, index, token);
        foreach (var tag in tags)
        {
            await registry.PutManifestAsync(tag, index, token);
            var now = await registry.HeadManifestAsync(tag, token);
            if (now != index.Digest)
            {
                throw new RunFailureException(FailureClass.Registry, FailureReasons.ResultIncomplete, $"The tag {tag} was put and does not point at {index.Digest}: something else moved it.");
            }

            await log.WriteLineAsync($"{tag} -> {index.Digest}");
        }
    }

    public static IndexExpectation Expectation(IReadOnlyList<string> platforms, AttestationDescription attestations) =>
        new() { Platforms = platforms, Provenance = attestations.WantsProvenance, Sbom = attestations.Sbom };

    public static IReadOnlyList<AttestationResult> Attestations(IndexContents contents) =>
        [.. contents.Statements.Select(statement => new AttestationResult(statement.ManifestDigest, statement.PredicateType, statement.Digest, statement.Size))];
}
