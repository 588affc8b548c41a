namespace Slipway.Registry;

/// <summary>What an index holds: its images, and every statement made about them.</summary>
internal sealed record IndexContents
{
    public required IReadOnlyList<PlatformImage> Images { get; init; }

    public required IReadOnlyList<AttestationStatement> Statements { get; init; }
}

internal sealed record PlatformImage(string Platform, string Digest);

/// <summary>One in-toto statement: a layer of an attestation manifest.</summary>
internal sealed record AttestationStatement
{
    /// <summary>The image manifest that the statement is about.</summary>
    public required string ImageDigest { get; init; }

    public required string ManifestDigest { get; init; }

    public required string PredicateType { get; init; }

    public required string Digest { get; init; }

    public required long Size { get; init; }

    /// <summary>Whether its manifest is an OCI artifact that refers to the image, and not one that looks like an image.</summary>
    public required bool IsArtifact { get; init; }
}

/// <summary>
/// Reads attestations in both shapes: the entry annotated as an attestation manifest (every BuildKit), and the OCI artifact
/// with artifactType and subject (BuildKit 0.32 on).
/// </summary>
internal static class AttestationReader
{
    private const string AttestationManifest = "attestation-manifest";

    public static async Task<IndexContents> ReadAsync(OciIndex index, Func<string, CancellationToken, Task<OciManifest>> fetch, CancellationToken token)
    {
        var statements = new List<AttestationStatement>();
        foreach (var entry in index.Manifests.Where(IsAttestation))
        {
            statements.AddRange(Statements(entry, await fetch(entry.Digest, token)));
        }

        return new IndexContents { Images = Images(index), Statements = statements };
    }

    public static IReadOnlyList<PlatformImage> Images(OciIndex index) =>
        [.. index.Manifests.Where(entry => !IsAttestation(entry))
            .Select(entry => new PlatformImage(entry.Platform?.ToString() ?? "unknown/unknown", entry.Digest))];

    public static bool IsAttestation(Descriptor entry) =>
        entry.Annotation(Descriptor.ReferenceType) == AttestationManifest || entry.ArtifactType == MediaTypes.AttestationArtifact;

    public static IEnumerable<AttestationStatement> Statements(Descriptor entry, OciManifest manifest)
    {
        var image = entry.Annotation(Descriptor.ReferenceDigest) ?? manifest.Subject?.Digest ?? "";
        return manifest.Layers
            .Where(layer => layer.Annotation(Descriptor.PredicateType) is not null)
            .Select(layer => new AttestationStatement
            {
                ImageDigest = image,
                ManifestDigest = entry.Digest,
                PredicateType = layer.Annotation(Descriptor.PredicateType)!,
                Digest = layer.Digest,
                Size = layer.Size,
                IsArtifact = manifest.ArtifactType == MediaTypes.AttestationArtifact && manifest.Subject is not null,
            });
    }
}
