using Slipway.Kube;

namespace Slipway.Tests.Unit.Kube;

[Requirement("R3")]
[Requirement("R13")]
public sealed class BackoffTests
{
    private readonly Backoff _backoff = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5)) { JitterFactor = 0.5 };

    [Theory]
    [InlineData(1, 0.1)]
    [InlineData(2, 0.2)]
    [InlineData(12, 204.8)]
    [InlineData(13, 300)]
    [InlineData(int.MaxValue, 300)]
    public void Delay_WhenFailuresAddUp_DoublesUpToTheLimit(int failures, double seconds) =>
        _backoff.Delay(failures, 0).TotalSeconds.ShouldBe(seconds, 0.001);

    [Fact]
    public void Delay_WhenChanceHasItsSay_AddsAShareOfTheWait() =>
        _backoff.Delay(1, 0.5).ShouldBe(TimeSpan.FromMilliseconds(125));
}
