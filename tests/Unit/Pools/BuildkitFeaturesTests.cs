using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class BuildkitFeaturesTests
{
    [Theory]
    [InlineData("v0.13.0", 0, 13)]
    [InlineData("0.13.1", 0, 13)]
    [InlineData("moby/buildkit:v0.32.2-rootless", 0, 32)]
    [InlineData("registry.example.com:5000/moby/buildkit:v0.17.0-rootless", 0, 17)]
    [InlineData("moby/buildkit:v0.15.1@sha256:00ff", 0, 15)]
    public void Of_WhenVersionOrImageNamesOne_FindsIt(string text, int major, int minor) =>
        BuildkitFeatures.Of(text).Version.ShouldBe(new Version(major, minor));

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
        features.SeparatesSpaceLimits.ShouldBeTrue();
    }

    [Theory]
    [InlineData("v0.13.0", false, false, false, false)]
    [InlineData("v0.17.0", true, true, false, false)]
    [InlineData("v0.21.0", true, true, true, false)]
    [InlineData("v0.32.2", true, true, true, true)]
    public void Of_WhenVersionIsKnown_TellsWhatItCan(string version, bool frontends, bool space, bool imageManifest, bool artifact)
    {
        var features = BuildkitFeatures.Of(version);

        (features.RestrictsFrontends, features.SeparatesSpaceLimits, features.CachesAsImageManifest, features.AttestsAsArtifact)
            .ShouldBe((frontends, space, imageManifest, artifact));
    }
}
