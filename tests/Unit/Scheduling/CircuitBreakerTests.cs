using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

public sealed class CircuitBreakerTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Closed_Whenever_IsClosed() => CircuitBreaker.Closed.At(DateTimeOffset.MaxValue).ShouldBe(CircuitState.Closed);

    [Fact]
    public void After_OneFailure_IsOpenForHalfAMinuteAndHalfOpenThen()
    {
        var breaker = CircuitBreaker.Closed.After(reached: false, Now);

        breaker.At(Now).ShouldBe(CircuitState.Open);
        breaker.At(Now.AddSeconds(29.9)).ShouldBe(CircuitState.Open);
        breaker.At(Now.AddSeconds(30)).ShouldBe(CircuitState.HalfOpen);
    }

    [Fact]
    public void After_FailuresInARow_StaysOpenTwiceAsLongUpToFiveMinutes()
    {
        var (breaker, now) = (CircuitBreaker.Closed, Now);
        var pauses = new List<double>();
        for (var i = 0; i < 40; i++)
        {
            breaker = breaker.After(reached: false, now);
            pauses.Add((breaker.OpenUntil!.Value - now).TotalSeconds);
            now = breaker.OpenUntil.Value;
        }

        pauses.Take(5).ShouldBe([30, 60, 120, 240, 300]);
        pauses.Skip(5).ShouldAllBe(pause => pause == 300);
    }

    // Two builds that ran on it when it went away are one failure.
    [Fact]
    public void After_AFailureWhileItIsOpen_IsAsBefore()
    {
        var breaker = CircuitBreaker.Closed.After(reached: false, Now);

        breaker.After(reached: false, Now.AddSeconds(5)).ShouldBe(breaker);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(45)]
    public void After_ABuildThatReachedIt_IsClosedAndForgetsItsFailures(int seconds) =>
        CircuitBreaker.Closed.After(reached: false, Now).After(reached: true, Now.AddSeconds(seconds)).ShouldBe(CircuitBreaker.Closed);
}
