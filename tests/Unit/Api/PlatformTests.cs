using Slipway.Api;

namespace Slipway.Tests.Unit.Api;

public sealed class PlatformTests
{
    [Theory]
    [InlineData("linux/amd64", "linux-amd64")]
    [InlineData("linux/arm/v7", "linux-arm-v7")]
    public void Parse_WhenPlatformIsGood_ReadsBackTheSame(string text, string dashed)
    {
        var platform = Platform.Parse(text);
        platform.ToString().ShouldBe(text);
        platform.Dashed.ShouldBe(dashed);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("amd64")]
    [InlineData("windows/amd64")]
    [InlineData("linux/AMD64")]
    [InlineData("linux/arm/7")]
    [InlineData("linux/amd64,linux/arm64")]
    [InlineData("linux/amd64\n")]
    public void TryParse_WhenPlatformIsBad_Refuses(string? text) => Platform.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void Parse_WhenPlatformIsBad_SaysWhatToWrite() =>
        Should.Throw<FormatException>(() => Platform.Parse("amd64")).Message.ShouldContain("os/architecture");
}
