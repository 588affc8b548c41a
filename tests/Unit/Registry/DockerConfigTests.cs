using System.Text;
using Slipway.Registry;

namespace Slipway.Tests.Unit.Registry;

public class DockerConfigTests
{
    [Theory]
    [InlineData("""{"auths":{"reg.example:5000":{"auth":"dTpwOnE="}}}""", "u", "p:q")]
    [InlineData("""{"auths":{"https://reg.example:5000/v1/":{"username":"u","password":"p"}}}""", "u", "p")]
    [InlineData("""{"auths":{"https://reg.example:5000":{"username":"x","password":"x"},"reg.example:5000":{"username":"u","password":"p"}}}""", "u", "p")]
    public void Credentials_WhenTheHostIsThere_ReadsThem(string json, string username, string password)
    {
        var credentials = Read(json, "reg.example:5000").ShouldNotBeNull();
        (credentials.Username, credentials.Password).ShouldBe((username, password));
    }

    [Fact]
    public void Credentials_WhenTheHostIsDockerHub_FindsItUnderItsOldName() =>
        Read("""{"auths":{"https://index.docker.io/v1/":{"username":"u","password":"p"}}}""", "docker.io").ShouldNotBeNull().Username.ShouldBe("u");

    [Fact]
    public void Credentials_WhenThereIsAnIdentityToken_ReadsIt() =>
        Read("""{"auths":{"r.example":{"identitytoken":"t"}}}""", "r.example").ShouldNotBeNull().IdentityToken.ShouldBe("t");

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"auths":{}}""")]
    [InlineData("""{"auths":{"other.example":{"auth":"dTpw"}}}""")]
    [InlineData("""{"auths":{"r.example":{}}}""")]
    public void Credentials_WhenTheHostIsNotThere_AreNone(string json) => Read(json, "r.example").ShouldBeNull();

    [Theory]
    [InlineData("not json s3cret")]
    [InlineData("""{"auths":{"r.example":{"auth":"s3cret"}}}""")]
    [InlineData("""{"auths":{"r.example":{"auth":1}}}""")]
    [InlineData("[]")]
    public void Credentials_WhenTheFileIsBroken_SaysSoWithoutQuotingIt(string json) =>
        Should.Throw<FormatException>(() => Read(json, "r.example")).Message.ShouldBe("the Docker config.json cannot be read");

    [Fact]
    public void ToString_WhenCredentialsArePrinted_HidesThem() =>
        new RegistryCredentials { Username = "u", Password = "s3cret" }.ToString().ShouldNotContain("s3cret");

    private static RegistryCredentials? Read(string json, string host) => DockerConfig.Credentials(Encoding.UTF8.GetBytes(json), host);
}
