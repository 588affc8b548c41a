using CsCheck;
using Slipway.Api;

namespace Slipway.Tests.Unit.Api;

public sealed class GoDurationTests
{
    [Theory]
    [InlineData("90s", 90)]
    [InlineData("1h", 3600)]
    [InlineData("1h30m", 5400)]
    [InlineData("24h0m1s", 86401)]
    [InlineData("0s", 0)]
    public void TryParse_WhenDurationIsGood_CountsItsSeconds(string text, int seconds)
    {
        GoDuration.TryParse(text, out var duration).ShouldBeTrue();
        duration.ShouldBe(TimeSpan.FromSeconds(seconds));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("90")]
    [InlineData("1d")]
    [InlineData("-1s")]
    [InlineData("1.5h")]
    [InlineData("1m1h")]
    [InlineData("90s\n")]
    [InlineData("9999999h")]
    public void TryParse_WhenDurationIsBad_Refuses(string? text) => GoDuration.TryParse(text, out _).ShouldBeFalse();

    [Theory]
    [InlineData(0, "0s")]
    [InlineData(-5, "0s")]
    [InlineData(59, "59s")]
    [InlineData(60, "1m")]
    [InlineData(3605, "1h5s")]
    [InlineData(86400, "24h")]
    public void Format_WhenGivenSeconds_LeavesOutWhatIsNought(int seconds, string text) => GoDuration.Format(TimeSpan.FromSeconds(seconds)).ShouldBe(text);

    [Fact]
    public void Format_WhenParsedAgain_IsTheSame() => Gen.Int[0, 10_000_000].Sample(seconds =>
        GoDuration.TryParse(GoDuration.Format(TimeSpan.FromSeconds(seconds)), out var duration) && duration == TimeSpan.FromSeconds(seconds));
}
