using Slipway.Registry;

namespace Slipway.Tests.Unit.Registry;

public class ImageReferenceTests
{
    private static readonly string Digest = "sha256:" + new string('a', 64);

    [Fact]
    public void Parse_WhenTheHostHasAPort_DoesNotTakeItForATag()
    {
        var reference = ImageReference.Parse("localhost:5000/app");
        reference.Tag.ShouldBeNull();
        reference.Repository.Host.ShouldBe("localhost:5000");
    }

    [Fact]
    public void Parse_WhenTagAndDigestAreThere_KeepsBoth()
    {
        var reference = ImageReference.Parse($"localhost:5000/team/app:v1@{Digest}");
        reference.Tag.ShouldBe("v1");
        reference.Digest.ShouldBe(Digest);
        reference.ToString().ShouldBe($"localhost:5000/team/app:v1@{Digest}");
    }

    [Theory]
    [InlineData("app:")]
    [InlineData("app:-x")]
    [InlineData("app:a,b")]
    [InlineData("app:a\n")]
    [InlineData("app@sha256:abc")]
    [InlineData("app@md5:d41d8cd98f00b204e9800998ecf8427e")]
    public void TryParse_WhenTagOrDigestIsBad_Refuses(string text) => ImageReference.TryParse(text, out _, out _).ShouldBeFalse();
}
