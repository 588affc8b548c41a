using Slipway.Api;
using Slipway.Cache;

namespace Slipway.Tests.Unit.Cache;

public sealed class CacheNamesTests
{
    private static readonly Platform Arm64 = Platform.Parse("linux/arm64");

    [Fact]
    public void Reference_OfAPlainScope_IsReadable() =>
        CacheNames.Reference("registry.example.com/cache", "team-a", "team/app", Arm64).ShouldBe("registry.example.com/cache/team-a/team/app:linux-arm64");

    [Fact]
    public void Reference_OfTwoPlatforms_IsNotShared() =>
        CacheNames.Reference("r.example.com/c", "ns", "s", Arm64).ShouldNotBe(CacheNames.Reference("r.example.com/c", "ns", "s", Platform.Parse("linux/amd64")));

    [Theory]
    [InlineData("registry.example.com:5000/team/app")]
    [InlineData("Team/App")]
    [InlineData("a//b")]
    [InlineData("../../etc")]
    [InlineData("-x-")]
    public void Reference_OfAScopeThatIsNoPath_IsAPathAndStaysUnique(string scope)
    {
        var reference = CacheNames.Reference("r.example.com/c", "ns", scope, Arm64);

        reference.ShouldMatch("^r\\.example\\.com/c/ns/([a-z0-9]+([._-][a-z0-9]+)*/)*[a-z0-9]+([._-][a-z0-9]+)*:linux-arm64$");
        reference.ShouldNotBe(CacheNames.Reference("r.example.com/c", "ns", scope + "x", Arm64));
    }
}
