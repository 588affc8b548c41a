using Slipway.Registry;

namespace Slipway.Tests.Unit.Registry;

public class AttestationReaderTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ReadAsync_WhenAnAttestationIsThere_ListsItsStatements(bool artifact)
    {
        var image = OciSamples.Image("amd64");
        var attestation = OciSamples.Attestation(image, artifact, OciSamples.Sbom, OciSamples.Provenance);
        var contents = await ReadAsync(OciSamples.Index("amd64", image, attestation), attestation);

        contents.Images.ShouldBe([new PlatformImage("linux/amd64", image.Digest)]);
        contents.Statements.Select(statement => statement.PredicateType).ShouldBe([OciSamples.Sbom, OciSamples.Provenance]);
        contents.Statements.ShouldAllBe(statement => statement.ImageDigest == image.Digest && statement.ManifestDigest == attestation.Digest);
        contents.Statements[0].Size.ShouldBe(OciSamples.Sbom.Length);
        contents.Statements.ShouldAllBe(statement => statement.IsArtifact == artifact);
    }

    [Fact]
    public async Task ReadAsync_WhenOnlyArtifactTypeAndSubjectTellWhatItIs_FindsTheImage()
    {
        var image = OciSamples.Image("amd64");
        var attestation = OciSamples.Attestation(image, true, OciSamples.Provenance);
        var index = new OciIndex
        {
            Manifests =
            [
                new Descriptor { Digest = image.Digest, Platform = new OciPlatform { Os = "linux", Architecture = "amd64" } },
                new Descriptor { Digest = attestation.Digest, ArtifactType = MediaTypes.AttestationArtifact },
            ],
        };
        var contents = await AttestationReader.ReadAsync(index, (_, _) => Task.FromResult(OciManifest.Parse(attestation.Bytes.Span)), TestContext.Current.CancellationToken);
        contents.Images.Count.ShouldBe(1);
        contents.Statements[0].ImageDigest.ShouldBe(image.Digest);
    }

    [Theory]
    [InlineData("arm64", "v8", "linux/arm64")]
    [InlineData("arm", "v6", "linux/arm/v6")]
    [InlineData("arm", null, "linux/arm/v7")]
    [InlineData("amd64", null, "linux/amd64")]
    public void PlatformToString_WhenAVariantIsTheUsualOne_LeavesItOut(string architecture, string? variant, string expected) =>
        new OciPlatform { Os = "linux", Architecture = architecture, Variant = variant }.ToString().ShouldBe(expected);

    private static Task<IndexContents> ReadAsync(ManifestBody index, ManifestBody attestation) => AttestationReader.ReadAsync(
        OciIndex.Parse(index.Bytes.Span),
        (digest, _) => Task.FromResult(digest == attestation.Digest ? OciManifest.Parse(attestation.Bytes.Span) : throw new InvalidOperationException(digest)),
        TestContext.Current.CancellationToken);
}
