using Slipway.Api;
using Slipway.Cache;
using Slipway.Registry;

namespace Slipway.Tests.Unit.Cache;

public sealed class CacheNamesTests
{
    private static readonly Platform Arm64 = Platform.Parse("linux/arm64");

    [Fact]
    public void Name_OfAScope_IsReadable() => CacheNames.Name("team-a", "team/app", Arm64).ShouldMatch("^team-a-team-app-linux-arm64-[0-9a-f]{12}$");

    [Fact]
    public void Name_OfTwoPlatforms_IsNotShared() => CacheNames.Name("ns", "s", Arm64).ShouldNotBe(CacheNames.Name("ns", "s", Platform.Parse("linux/amd64")));

    [Theory]
    [InlineData("a-b", "c", "a", "b-c")]
    [InlineData("a", "b/c", "a", "b-c")]
    [InlineData("a", "b.c", "a", "b_c")]
    public void Name_OfScopesThatReadTheSame_IsNotShared(string space, string scope, string otherSpace, string otherScope) =>
        CacheNames.Name(space, scope, Arm64).ShouldNotBe(CacheNames.Name(otherSpace, otherScope, Arm64));

    [Theory]
    [InlineData("registry.example.com:5000/team/app")]
    [InlineData("Team/App")]
    [InlineData("../../etc")]
    [InlineData("-x-;y")]
    [InlineData("a-very-long-scope/a-very-long-scope/a-very-long-scope/a-very-long-scope/a-very-long-scope/a-very-long-scope/a-very-long-scope/a-very-long-scope")]
    public void Name_OfAnyScope_IsATagAndStaysUnique(string scope)
    {
        var name = CacheNames.Name("ns", scope, Arm64);

        ImageReference.IsTag(name).ShouldBeTrue(name);
        name.ShouldMatch("^[a-z0-9]+(-[a-z0-9]+)*$");
        name.ShouldNotBe(CacheNames.Name("ns", scope + "x", Arm64));
    }
}
