using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class CacheStatsTests
{
    [Theory]
    [InlineData("[internal] load build context")]
    [InlineData("[auth] library/debian:pull token for registry-1.docker.io")]
    [InlineData("[build 1/3] FROM docker.io/library/gcc:14")]
    [InlineData("[1/3] FROM docker.io/library/gcc:14")]
    [InlineData("importing cache manifest from x")]
    [InlineData("exporting to image")]
    [InlineData("exporting cache to registry")]
    [InlineData("resolve image config for docker-image://docker.io/docker/dockerfile:1")]
    [InlineData("docker-image://docker.io/docker/dockerfile:1@sha256:aa")]
    [InlineData("[linux/amd64] generating sbom using docker.io/docker/buildkit-syft-scanner:stable-1")]
    public void Of_WhenAVertexIsNoStepOfTheDockerfile_LeavesItOut(string name) => Stats(name).ShouldBe(new CacheResult());

    [Theory]
    [InlineData("[build 2/3] RUN make")]
    [InlineData("[final 1/1] COPY --from=build /a /a")]
    [InlineData("[2/2] WORKDIR /x")]
    public void Of_WhenAVertexIsAStep_CountsIt(string name) => Stats(name).ShouldBe(new CacheResult { Steps = 1, Cached = 1 });

    [Fact]
    public void Of_WhenAStepNeverEnded_LeavesItOut()
    {
        var reader = new ProgressReader();
        reader.Read("""{"vertexes":[{"digest":"a","name":"[2/2] RUN x","started":"2026-01-01T00:00:00Z"}]}""");
        CacheStats.Of(reader).Steps.ShouldBe(0);
    }

    private static CacheResult Stats(string name)
    {
        var reader = new ProgressReader();
        reader.Read($$"""{"vertexes":[{"digest":"a","name":"{{name}}","cached":true,"started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:00Z"}]}""");
        return CacheStats.Of(reader);
    }
}
