using CsCheck;
using Slipway.Registry;

namespace Slipway.Tests.Unit.Registry;

public class RepositoryNameTests
{
    [Theory]
    [InlineData("debian", "docker.io/library/debian")]
    [InlineData("team/app", "docker.io/team/app")]
    [InlineData("docker.io/debian", "docker.io/library/debian")]
    [InlineData("index.docker.io/team/app", "docker.io/team/app")]
    [InlineData("localhost/app", "localhost/app")]
    [InlineData("localhost:5000/app", "localhost:5000/app")]
    [InlineData("registry.example.com:5000/team/app_x/y--z", "registry.example.com:5000/team/app_x/y--z")]
    [InlineData("[::1]:5000/app", "[::1]:5000/app")]
    public void Parse_WhenTheNameIsGood_NormalisesIt(string text, string expected) =>
        RepositoryName.Parse(text).ToString().ShouldBe(expected);

    [Theory]
    [InlineData("")]
    [InlineData("registry.example.com/")]
    [InlineData("registry.example.com/team,push=false")]
    [InlineData("registry.example.com/team\napp")]
    [InlineData("registry.example.com/team app")]
    [InlineData("registry.example.com/app\n")]
    [InlineData("-registry.example.com/app")]
    [InlineData("--output")]
    [InlineData("registry.example.com/-app")]
    [InlineData("registry.example.com/App")]
    [InlineData("registry.example.com/app:1.0")]
    [InlineData("registry.example.com/app@sha256:aa")]
    [InlineData("registry.example.com:99999/app")]
    [InlineData("registry.example.com:0/app")]
    [InlineData("https://registry.example.com/app")]
    [InlineData("user@registry.example.com/app")]
    [InlineData("registry.example.com/a//b")]
    [InlineData("registry.example.com/../b")]
    public void TryParse_WhenTheNameIsBad_SaysWhy(string text)
    {
        RepositoryName.TryParse(text, out _, out var problem).ShouldBeFalse();
        problem.ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public void TryParse_WhenItAcceptsAText_TheTextIsSafeInAttributesAndArguments() => Gen.String.Sample(text =>
    {
        if (RepositoryName.TryParse(text, out var name, out _))
        {
            name.ToString().ShouldMatch(@"\A[A-Za-z0-9\[][A-Za-z0-9.:\[\]_/-]*\z");
        }
    });

    [Fact]
    public void ApiHost_WhenTheImageIsOnDockerHub_IsTheHostThatAnswers() =>
        RepositoryName.Parse("debian").ApiHost.ShouldBe("registry-1.docker.io");
}
