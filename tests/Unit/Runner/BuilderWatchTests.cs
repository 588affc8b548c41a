using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class BuilderWatchTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch;
    private readonly BuilderWatch _watch = new(TimeSpan.FromSeconds(60));

    [Fact]
    public void Observe_WhenSilentAndOutOfReachForAMinute_GivesUp()
    {
        Observe(10, heard: 0, reachable: false).ShouldBeFalse();
        Observe(69, heard: 0, reachable: false).ShouldBeFalse();
        Observe(70, heard: 0, reachable: false).ShouldBeTrue();
    }

    [Fact]
    public void Observe_WhenQuietButThere_NeverGivesUp() => Observe(100_000, heard: 0, reachable: true).ShouldBeFalse();

    [Fact]
    public void Observe_WhenItSpokeMeanwhile_CountsFromThere()
    {
        Observe(10, heard: 0, reachable: false);
        Observe(70, heard: 50, reachable: false).ShouldBeFalse();
        Observe(110, heard: 50, reachable: false).ShouldBeTrue();
    }

    [Fact]
    public void Observe_WhenItCameBackMeanwhile_StartsAfresh()
    {
        Observe(10, heard: 0, reachable: false);
        Observe(60, heard: 0, reachable: true);
        Observe(80, heard: 0, reachable: false).ShouldBeFalse();
        Observe(139, heard: 0, reachable: false).ShouldBeFalse();
        Observe(140, heard: 0, reachable: false).ShouldBeTrue();
    }

    private bool Observe(int now, int heard, bool reachable) => _watch.Observe(Start.AddSeconds(now), Start.AddSeconds(heard), reachable);
}
