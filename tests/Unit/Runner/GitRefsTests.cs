using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class GitRefsTests
{
    private static readonly string A = new('a', 40);
    private static readonly string B = new('b', 40);
    private static readonly string C = new('c', 40);

    [Fact]
    public void Commit_WhenABranchAndATagHaveTheName_TakesTheBranchAsBuildKitDoes() =>
        GitRefs.Commit("v2", $"{A}\trefs/heads/v2\n{B}\trefs/tags/v2\n").ShouldBe(A);

    [Fact]
    public void Commit_WhenTheNameIsExact_TakesThatOne() =>
        GitRefs.Commit("refs/tags/v2", $"{A}\trefs/heads/v2\n{B}\trefs/tags/v2\n").ShouldBe(B);

    [Fact]
    public void Commit_WhenTheNameIsPartlyExact_TakesThatOne() =>
        GitRefs.Commit("tags/v2", $"{A}\trefs/heads/v2\n{B}\trefs/tags/v2\n").ShouldBe(B);

    [Fact]
    public void Commit_WhenATagIsAnnotated_PeelsIt() =>
        GitRefs.Commit("v1", $"{B}\trefs/tags/v1\n{C}\trefs/tags/v1^{{}}\n").ShouldBe(C);

    [Fact]
    public void Commit_WhenOnlyALongerNameMatches_FindsNothing() =>
        GitRefs.Commit("main", $"{A}\trefs/heads/feature/main\n{B}\trefs/pull/1/refs/heads/main\n").ShouldBeNull();

    [Fact]
    public void Commit_WhenTheAnswerIsRubbish_FindsNothing() => GitRefs.Commit("main", "xyz\trefs/heads/main\nrubbish\n").ShouldBeNull();

    [Theory]
    [InlineData("--upload-pack=touch /tmp/x")]
    [InlineData("-x")]
    [InlineData("a b")]
    [InlineData("a..b")]
    [InlineData("a:b")]
    [InlineData("a#b")]
    [InlineData("a*")]
    [InlineData("a\nb")]
    [InlineData("")]
    public void Problem_WhenTheNameCanBeNoRef_SaysSo(string revision) => GitRefs.Problem(revision).ShouldNotBeNull();

    [Theory]
    [InlineData("main")]
    [InlineData("release/1.x")]
    [InlineData("v1.4.2+build")]
    public void Problem_WhenTheNameIsUsual_IsNull(string revision) => GitRefs.Problem(revision).ShouldBeNull();

    [Theory]
    [InlineData("https://git.example.com/a/b.git", null)]
    [InlineData("https://git.example.com:8443/a/b", null)]
    [InlineData("ssh://git@git.example.com:22/a/b.git", null)]
    [InlineData("git@git.example.com:a/b.git", null)]
    [InlineData("file:///etc", "is not")]
    [InlineData("ext::sh -c x", "holds")]
    [InlineData("-oProxyCommand=x", "is not")]
    [InlineData("https://user:pass@git.example.com/a", "is not")]
    [InlineData("https://git.example.com/a#main", "holds")]
    [InlineData("https://git.example.com/a\nb", "holds")]
    [InlineData("ssh://-oProxyCommand=x/a", "is not")]
    [InlineData("git@-oProxyCommand=x:a", "is not")]
    public void GitUrlProblem_WhenTheAddressIsLookedAt_LetsOnlyPlainOnesPass(string url, string? start)
    {
        var problem = GitUrl.Problem(url);
        (start is null ? problem is null : problem!.StartsWith(start, StringComparison.Ordinal)).ShouldBeTrue(problem);
    }

    [Theory]
    [InlineData("https://git.example.com/a/b", "https://git.example.com/a/b.git")]
    [InlineData("https://git.example.com/a/b/", "https://git.example.com/a/b.git")]
    [InlineData("https://git.example.com/a/b.git", "https://git.example.com/a/b.git")]
    [InlineData("ssh://git@git.example.com/a/b", "ssh://git@git.example.com/a/b")]
    public void ForBuildKit_WhenAnHttpAddressLooksLikeATarball_EndsInGit(string url, string expected) => GitUrl.ForBuildKit(url).ShouldBe(expected);
}
