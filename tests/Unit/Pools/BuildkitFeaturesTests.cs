using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class BuildkitFeaturesTests
{
    [Theory]
    [InlineData("v0.13.0", 0, 13, 0)]
    [InlineData("0.13.1", 0, 13, 1)]
    [InlineData("moby/buildkit:v0.32.2-rootless", 0, 32, 2)]
    [InlineData("registry.example.com:5000/moby/buildkit:v0.17.0-rootless", 0, 17, 0)]
    [InlineData("moby/buildkit:v0.15.1@sha256:00ff", 0, 15, 1)]
    public void Of_WhenVersionOrImageNamesOne_FindsIt(string text, int major, int minor, int patch) =>
        BuildkitFeatures.Of(text).Version.ShouldBe(new Version(major, minor, patch));

    [Fact]
    public void Of_WhenATagLeavesTheThirdNumberOpen_LeavesItOpenToo() =>
        BuildkitFeatures.Of("moby/buildkit:v0.32-rootless").Version.ShouldBe(new Version(0, 32));

    [Theory]
    [InlineData(null)]
    [InlineData("moby/buildkit:latest")]
    [InlineData("moby/buildkit")]
    [InlineData("registry.example.com:5000/moby/buildkit")]
    [InlineData("moby/buildkit@sha256:00ff")]
    public void Of_WhenNothingTellsTheVersion_TakesItForTheNewest(string? text)
    {
        var features = BuildkitFeatures.Of(text);

        features.Version.ShouldBeNull();
        features.RestrictsFrontends.ShouldBeTrue();
    }

    [Theory]
    [InlineData("v0.13.0", false)]
    [InlineData("v0.14.1", false)]
    [InlineData("v0.15.0", true)]
    [InlineData("v0.32.2", true)]
    public void Of_WhenVersionIsKnown_TellsWhetherItRestrictsFrontends(string version, bool restricts) =>
        BuildkitFeatures.Of(version).RestrictsFrontends.ShouldBe(restricts);
}
