using Slipway.Registry;

namespace Slipway.Tests.Unit.Registry;

public class IndexCheckTests
{
    private static readonly string Amd64 = OciSamples.Digest("amd64");
    private static readonly string Arm64 = OciSamples.Digest("arm64");
    private static readonly IndexExpectation Both = new() { Platforms = ["linux/amd64", "linux/arm64/v8"], Provenance = true, Sbom = true };
    private static readonly IndexContents Whole = new()
    {
        Images = [new("linux/amd64", Amd64), new("linux/arm64", Arm64)],
        Statements = [.. Statements(Amd64), .. Statements(Arm64)],
    };

    [Fact]
    public void Problem_WhenEverythingIsThere_IsNull() => IndexCheck.Problem(Whole, Both).ShouldBeNull();

    [Fact]
    public void Problem_WhenAPlatformIsMissing_NamesIt() =>
        IndexCheck.Problem(Whole with { Images = [new("linux/amd64", Amd64)], Statements = [.. Statements(Amd64)] }, Both).ShouldBe("linux/arm64 is missing.");

    [Fact]
    public void Problem_WhenAPlatformIsThereTwice_SaysSo() =>
        IndexCheck.Problem(Whole with { Images = [.. Whole.Images, new("linux/amd64", OciSamples.Digest("other"))] }, Both).ShouldBe("linux/amd64 is there 2 times.");

    [Fact]
    public void Problem_WhenAPlatformWasNotAskedFor_NamesIt() =>
        IndexCheck.Problem(Whole, Both with { Platforms = ["linux/amd64"] }).ShouldBe("linux/arm64 is in the index and was not asked for.");

    [Fact]
    public void Problem_WhenProvenanceAndSbomAreMissing_NamesBothWithTheirPlatform() =>
        IndexCheck.Problem(Whole with { Statements = [.. Statements(Amd64)] }, Both).ShouldBe("linux/arm64 has no provenance. linux/arm64 has no SBOM.");

    [Fact]
    public void Problem_WhenAnAttestationIsAboutAnotherImage_RefusesIt()
    {
        var problem = IndexCheck.Problem(Whole with { Statements = [.. Whole.Statements, .. Statements(OciSamples.Digest("elsewhere"))] }, Both);
        problem.ShouldNotBeNull().ShouldContain("is about no image of the index");
    }

    [Fact]
    public void Problem_WhenNoAttestationIsWanted_AsksForNone() =>
        IndexCheck.Problem(Whole with { Statements = [] }, Both with { Provenance = false, Sbom = false }).ShouldBeNull();

    private static IEnumerable<AttestationStatement> Statements(string image) => new[] { "https://slsa.dev/provenance/v0.2", OciSamples.Sbom }.Select(predicate =>
        new AttestationStatement { ImageDigest = image, ManifestDigest = OciSamples.Digest("att" + image), PredicateType = predicate, Digest = OciSamples.Digest(predicate), Size = 1, IsArtifact = false });
}
