using Slipway.Scheduling;
using Slipway.Tests.Unit.Pools;

namespace Slipway.Tests.Unit.Scheduling;

public sealed class DemandTests
{
    private static readonly TimeSpan IdleAfter = TimeSpan.FromMinutes(10);

    [Theory]
    [InlineData(0, 2, 0)]
    [InlineData(1, 2, 1)]
    [InlineData(2, 2, 1)]
    [InlineData(3, 2, 2)]
    [InlineData(12, 5, 3)]
    public void For_SomeBuilds_IsNoMoreThanTheyCanUse(int builds, int buildsPerBuilder, int builders) =>
        Demand.For(builds, buildsPerBuilder).ShouldBe(builders);

    [Fact]
    public void Next_WhenMoreAreWanted_RisesAtOnce() => At(Demand.StartingWith(0), (0, 3)).Highest.ShouldBe(3);

    [Fact]
    public void Next_WhenFewerAreWanted_FallsOnceTheOthersWereIdleLongEnough()
    {
        var demand = At(Demand.StartingWith(0), (0, 4), (1, 1));

        demand.FallsAt(IdleAfter).ShouldBe(Minute(11));
        At(demand, (10.9, 1)).Highest.ShouldBe(4);
        At(demand, (11, 1)).Highest.ShouldBe(1);
        At(demand, (11, 1)).FallsAt(IdleAfter).ShouldBeNull();
    }

    [Fact]
    public void Next_WhenItFellInSteps_FallsInTheSameSteps()
    {
        var demand = At(Demand.StartingWith(0), (0, 4), (1, 2), (5, 0));

        At(demand, (11, 0)).Highest.ShouldBe(2);
        At(demand, (11, 0)).FallsAt(IdleAfter).ShouldBe(Minute(15));
        At(demand, (15, 0)).Highest.ShouldBe(0);
    }

    [Fact]
    public void Next_WhenWantedAgainInBetween_StartsAnew() =>
        At(Demand.StartingWith(0), (0, 4), (1, 0), (9, 4), (9.5, 0), (19, 0)).Highest.ShouldBe(4);

    [Fact]
    public void Next_AfterAStart_KeepsWhatIsThere()
    {
        var demand = At(Demand.StartingWith(3), (0, 0));

        demand.Highest.ShouldBe(3);
        At(demand, (10, 0)).Highest.ShouldBe(0);
    }

    [Fact]
    public void Next_WhenIdleAfterIsShortened_FallsByTheNewOne() =>
        At(Demand.StartingWith(0), (0, 4), (1, 0)).Next(0, Minute(2), TimeSpan.FromMinutes(1)).Highest.ShouldBe(0);

    private static Demand At(Demand demand, params (double Minute, int Level)[] levels) =>
        levels.Aggregate(demand, (before, wanted) => before.Next(wanted.Level, Minute(wanted.Minute), IdleAfter));

    private static DateTimeOffset Minute(double minute) => PoolWorld.Now.AddMinutes(minute);
}
