using System.Text;
using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class CacheManifestTests
{
    // As BuildKit writes it.
    [Fact]
    public void Blobs_OfAManifest_AreItsLayers() =>
        Blobs("""
            {"layers":[{"blob":"sha256:a","parent":-1,"annotations":{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","diffID":"sha256:x","size":7,"createdAt":"2026-03-01T10:00:00Z"}},{"blob":"sha256:b"}],
             "records":[{"layers":[{"layer":1,"createdAt":"2026-03-01T10:00:00Z"}],"digest":"sha256:r","inputs":[[{"link":0}]]}]}
            """).ShouldBe(["sha256:a", "sha256:b"]);

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"layers":[]}""")]
    [InlineData("""{"records":[{"digest":"sha256:r"}]}""")]
    public void Blobs_OfAManifestWithoutLayers_AreNone(string json) => Blobs(json).ShouldBeEmpty();

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("""{"layers":[{"blob":"sha256:a"}""")]
    [InlineData("""{"layers":[{"blob":7}]}""")]
    [InlineData("""{"layers":[{"blob":"sha256:a"},{}]}""")]
    [InlineData("""{"layers":["sha256:a"]}""")]
    [InlineData("""{"layers":null}""")]
    public void Blobs_OfSomethingElse_AreUnknown(string json) => Blobs(json).ShouldBeNull();

    private static IReadOnlyList<string>? Blobs(string json) => CacheManifest.Blobs(Encoding.UTF8.GetBytes(json));
}
