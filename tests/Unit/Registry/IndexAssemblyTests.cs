using System.Text;
using System.Text.Json;
using Slipway.Registry;

namespace Slipway.Tests.Unit.Registry;

public class IndexAssemblyTests
{
    private static readonly ManifestBody Amd64 = OciSamples.Image("amd64");
    private static readonly ManifestBody Arm64 = OciSamples.Image("arm64");
    private static readonly ManifestBody Amd64Attestation = OciSamples.Attestation(Amd64, predicates: [OciSamples.Sbom, OciSamples.Provenance]);
    private static readonly ManifestBody Arm64Attestation = OciSamples.Attestation(Arm64, predicates: [OciSamples.Sbom, OciSamples.Provenance]);

    [Fact]
    public void Merge_WhenTwoPlatformsCome_KeepsTheirOrderAndTheirAttestations()
    {
        var merged = Merge(OciSamples.Index("amd64", Amd64, Amd64Attestation), OciSamples.Index("arm64", Arm64, Arm64Attestation));
        OciIndex.Parse(merged.Bytes.Span).Manifests.Select(entry => entry.Digest)
            .ShouldBe([Amd64.Digest, Amd64Attestation.Digest, Arm64.Digest, Arm64Attestation.Digest]);
        merged.MediaType.ShouldBe(MediaTypes.OciIndex);
        merged.Digest.ShouldBe(Digests.Of(merged.Bytes.Span));
    }

    [Fact]
    public void Merge_WhenADescriptorHasFieldsWeDoNotKnow_KeepsThemVerbatim()
    {
        var merged = Merge(OciSamples.Index("amd64", Amd64, Amd64Attestation), OciSamples.Index("arm64", Arm64, Arm64Attestation));
        using var document = JsonDocument.Parse(merged.Bytes);
        var entry = document.RootElement.GetProperty("manifests")[1];
        entry.GetProperty("extra").GetRawText().Replace("\n", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).ShouldBe("[\"a+b\",1.50]");
        entry.GetProperty("annotations").GetProperty("vnd.docker.reference.digest").GetString().ShouldBe(Amd64.Digest);
        Encoding.UTF8.GetString(merged.Bytes.Span).ShouldContain("\"a+b\"");
    }

    [Fact]
    public void Merge_WhenOneIndexComes_GivesBackItsBytes()
    {
        var only = OciSamples.Index("amd64", Amd64, Amd64Attestation);
        Merge(only).ShouldBeSameAs(only);
    }

    [Fact]
    public void Merge_WhenADigestComesTwice_KeepsTheFirst() =>
        OciIndex.Parse(Merge(OciSamples.Index("amd64", Amd64, Amd64Attestation), OciSamples.Index("amd64", Amd64)).Bytes.Span).Manifests.Count.ShouldBe(2);

    [Fact]
    public void Merge_WhenABareManifestComes_NamesThePlatformOfItsConfig()
    {
        var merged = IndexAssembly.Merge(
        [
            new IndexSource { Manifest = Arm64, Platform = new OciPlatform { Os = "linux", Architecture = "arm64" } },
            new IndexSource { Manifest = OciSamples.Index("amd64", Amd64) },
        ]);
        var entries = OciIndex.Parse(merged.Bytes.Span).Manifests;
        entries[0].Platform!.ToString().ShouldBe("linux/arm64");
        entries[0].Size.ShouldBe(Arm64.Bytes.Length);
    }

    [Fact]
    public void Merge_WhenOneBareManifestComes_StillMakesAnIndex() =>
        IndexAssembly.Merge([new IndexSource { Manifest = Arm64, Platform = new OciPlatform { Os = "linux", Architecture = "arm64" } }])
            .MediaType.ShouldBe(MediaTypes.OciIndex);

    [Fact]
    public void Merge_WhenDoneAgain_GivesTheSameBytes()
    {
        ManifestBody[] sources = [OciSamples.Index("amd64", Amd64, Amd64Attestation), OciSamples.Index("arm64", Arm64, Arm64Attestation)];
        Merge(sources).Digest.ShouldBe(Merge(sources).Digest);
    }

    private static ManifestBody Merge(params ManifestBody[] indexes) => IndexAssembly.Merge([.. indexes.Select(index => new IndexSource { Manifest = index })]);
}
