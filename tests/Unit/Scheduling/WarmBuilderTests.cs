using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

/// <summary>Builds go back to where their cache is, and wait for it a while.</summary>
public sealed class WarmBuilderTests
{
    [Fact]
    public void Request_Always_SaysWhereTheScopeBelongs()
    {
        var farm = new Farm();

        var name = farm.Ask("app").PreferredBuilder;

        name.ShouldBeOneOf(Farm.Name(0), Farm.Name(1), Farm.Name(2));
        farm.BuilderUp(Ordinal(name));
        farm.Ask("app").Builder.ShouldNotBeNull().Name.ShouldBe(name);
        farm.Ask("app").PreferredBuilder.ShouldBe(name);
    }

    [Fact]
    public void Request_WhenTheWarmBuilderIsBusy_WaitsThoughAnotherIsFree()
    {
        var (farm, _) = OneBusyWarmBuilder();

        farm.Ask("next", scope: "app").ShouldWait(WaitReason.WarmBuilderBusy);
        farm.Pools.Later.ShouldContain((Farm.PoolKey, Lane.WarmWait), "time alone ends the waiting");
    }

    [Fact]
    public void Request_WhenTheWarmBuilderIsFreeInTime_GoesThere()
    {
        var (farm, busy) = OneBusyWarmBuilder();
        farm.Ask("next", scope: "app");
        farm.Time.Advance(TimeSpan.FromSeconds(59));
        farm.JobEnded("busy", busy);
        farm.Refresh();

        farm.Ask("next", scope: "app").Builder.ShouldNotBeNull().Uid.ShouldBe(busy.Uid);
    }

    [Fact]
    public async Task Request_WhenTheWarmBuilderStaysBusy_SpillsAfterAMinute()
    {
        var (farm, busy) = OneBusyWarmBuilder();
        farm.Ask("next", scope: "app");

        farm.Time.Advance(Lane.WarmWait - TimeSpan.FromSeconds(1));
        // Who asks again does not start to wait anew.
        farm.Ask("next", scope: "app").ShouldWait(WaitReason.WarmBuilderBusy);
        farm.Time.Advance(TimeSpan.FromSeconds(1));
        farm.Refresh();

        farm.Ask("next", scope: "app").Builder.ShouldNotBeNull().Uid.ShouldNotBe(busy.Uid);
        farm.Ask("next", scope: "app").PreferredBuilder.ShouldBe(busy.Name);
        (await farm.MetricAsync("slipway_spills_total")).ShouldBe("1");
        (await farm.MetricAsync("slipway_queue_seconds_sum")).ShouldBe("60");
    }

    [Fact]
    public void Request_WhenAnotherWaitsForItsWarmBuilder_IsServedInTheMeantime()
    {
        var (farm, busy) = OneBusyWarmBuilder();
        farm.Ask("next", age: 60, scope: "app");

        farm.Ask("young").Builder.ShouldNotBeNull().Uid.ShouldNotBe(busy.Uid);
    }

    [Fact]
    public void Request_WhenTheBusyBuilderIsNotWarm_SpillsAtOnce()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        for (var ordinal = 0; ordinal < 3; ordinal++) farm.BuilderUp(ordinal);
        var taken = farm.Ask("app").Builder!;

        farm.Ask("busy", scope: "app").Builder.ShouldNotBeNull().Uid.ShouldNotBe(taken.Uid);
    }

    [Fact]
    public void Request_WhenTheWarmBuilderIsNotReady_DoesNotWaitForIt()
    {
        var (farm, busy) = OneBusyWarmBuilder();
        farm.SetReady(busy.Ordinal, ready: false);

        farm.Ask("next", scope: "app").Builder.ShouldNotBeNull();
    }

    [Fact]
    public void Request_WhenTheWarmBuilderStopsTakingBuilds_WaitsNoLonger()
    {
        var (farm, busy) = OneBusyWarmBuilder();
        farm.Ask("next", scope: "app");

        farm.Scheduler.Drain(Farm.PoolKey, Farm.Amd64, new HashSet<string> { busy.Uid });

        farm.Builds.Now.ShouldBe([Farm.Key("next")]);
        farm.Ask("next", scope: "app").Builder.ShouldNotBeNull().Uid.ShouldNotBe(busy.Uid);
    }

    [Fact]
    public void Request_WhenAllBuildersAreBusy_DoesNotUseUpItsPatience()
    {
        var (farm, busy) = OneBusyWarmBuilder();
        var (one, other) = (farm.Ask("one").Builder!, farm.Ask("other").Builder!);
        farm.JobSeen("one", one);
        farm.JobSeen("other", other);
        farm.Ask("next", scope: "app").ShouldWait(WaitReason.NoBuilderFree);

        farm.Time.Advance(10 * Lane.WarmWait);
        farm.JobEnded("one", one);
        farm.Refresh();

        farm.Ask("next", scope: "app").ShouldWait(WaitReason.WarmBuilderBusy);
        busy.Name.ShouldBe(farm.Ask("next", scope: "app").PreferredBuilder);
    }

    [Fact]
    public void Scheduler_WhenItStartsAnew_SendsTheScopeToTheSamePlace()
    {
        var (farm, busy) = OneBusyWarmBuilder();

        farm.Restart();

        farm.Ask("next", scope: "app").PreferredBuilder.ShouldBe(busy.Name);
    }

    /// <summary>Three builders of one slot. The scope ran on its own, and runs there again.</summary>
    private static (Farm Farm, Builder Busy) OneBusyWarmBuilder()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        for (var ordinal = 0; ordinal < 3; ordinal++) farm.BuilderUp(ordinal);
        farm.JobEnded("app", farm.Ask("app").Builder!);
        farm.Refresh();
        var busy = farm.Ask("busy", scope: "app").Builder!;
        farm.JobSeen("busy", busy);
        farm.Refresh();
        farm.Pools.Later.Clear();
        return (farm, busy);
    }

    private static int Ordinal(string? name) => name![^1] - '0';
}
