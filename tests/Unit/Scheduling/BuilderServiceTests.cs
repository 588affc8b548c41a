using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

/// <summary>Builders that take no builds any more: drained for a while, or retired for good.</summary>
public sealed class BuilderServiceTests
{
    [Fact]
    public void Drain_WhenABuilderIsInTheSet_GivesItNoBuilds()
    {
        var farm = new Farm();
        var drained = farm.BuilderUp(0);
        Drain(farm, drained);
        farm.Ask("app").ShouldWait(WaitReason.NoBuilderReady);
        farm.BuilderUp(1);
        farm.Refresh();

        farm.Ask("app").Builder.ShouldNotBeNull().Uid.ShouldNotBe(drained);
    }

    [Fact]
    public void Drain_WhenABuilderIsInTheSetNoMore_GrantsItToWhoWaits()
    {
        var farm = new Farm();
        Drain(farm, farm.BuilderUp(0));
        farm.Ask("app");

        Drain(farm);

        farm.Builds.Now.ShouldBe([Farm.Key("app")]);
    }

    [Fact]
    public void Drain_WhenABuildRunsThere_LetsItRunAndCountsItStill()
    {
        var farm = new Farm();
        var uid = farm.BuilderUp(0);
        farm.JobSeen("app", farm.Ask("app").Builder!);

        Drain(farm, uid);

        farm.Count().Builds[uid].ShouldBe(1);
        Retire(farm, uid).ShouldBeFalse();
    }

    // Its Job may be there already. Taking the grant back would give the same build two builders, or none.
    [Fact]
    public void Drain_WhenABuilderWasPromisedToABuild_KeepsThePromise()
    {
        var farm = new Farm();
        var uid = farm.BuilderUp(0);
        farm.BuilderUp(1, ready: false);
        farm.Ask("app").Builder.ShouldNotBeNull();

        Drain(farm, uid);

        farm.Ask("app").Builder.ShouldNotBeNull().Uid.ShouldBe(uid);
        Retire(farm, uid).ShouldBeFalse();
    }

    [Fact]
    public void TryRetire_WhenThePromiseWasNeverTakenUp_TakesTheBuilderThen()
    {
        var farm = new Farm();
        var uid = farm.BuilderUp(0);
        farm.Ask("lost");
        Drain(farm, uid);

        farm.Time.Advance(Lane.GrantExpiry);
        farm.Refresh();

        Retire(farm, uid).ShouldBeTrue();
    }

    [Fact]
    public void TryRetire_WhenTheBuildWasWithdrawn_WaitsUntilItsJobWouldHaveBeenSeen()
    {
        var farm = new Farm();
        var uid = farm.BuilderUp(0);
        farm.Ask("app");
        farm.Scheduler.Withdraw(Farm.Key("app"));

        Retire(farm, uid).ShouldBeFalse();
        farm.Time.Advance(Lane.WithdrawnExpiry);
        farm.Refresh();

        Retire(farm, uid).ShouldBeTrue();
    }

    [Fact]
    public void TryRetire_WhenTheBuilderIsIdle_GivesItNoBuildEver()
    {
        var farm = new Farm();
        var uid = farm.BuilderUp(0);
        Retire(farm, uid).ShouldBeTrue();

        Drain(farm);
        farm.Refresh();

        farm.Ask("app").ShouldWait(WaitReason.NoBuilderReady);
        farm.Count().Retired.ShouldBe(new HashSet<string> { uid });
        Retire(farm, uid).ShouldBeTrue("it still is");
    }

    [Fact]
    public void TryRetire_WhenTheBuilderCameBackAsAnotherPod_IsForgotten()
    {
        var farm = new Farm();
        Retire(farm, farm.BuilderUp(0));

        var fresh = farm.BuilderUp(0);
        farm.Refresh();

        farm.Count().Retired.ShouldBeEmpty();
        farm.Ask("app").Builder.ShouldNotBeNull().Uid.ShouldBe(fresh);
    }

    // The grant had expired, and its Job came all the same.
    [Fact]
    public void TryRetire_WhenAJobTurnsUpOnARetiredBuilder_SaysThatItIsInUse()
    {
        var farm = new Farm();
        var uid = farm.BuilderUp(0);
        var builder = farm.Ask("late").Builder!;
        farm.Time.Advance(Lane.GrantExpiry);
        farm.Refresh();
        Retire(farm, uid).ShouldBeTrue();

        farm.JobSeen("late", builder);

        Retire(farm, uid).ShouldBeFalse();
    }

    [Fact]
    public void TryRetire_WhenNobodyKnowsTheBuilder_RemembersNothing()
    {
        var farm = new Farm();

        Retire(farm, "never-seen").ShouldBeTrue();

        farm.Count().Retired.ShouldBeEmpty();
    }

    private static void Drain(Farm farm, params string[] uids) => farm.Scheduler.Drain(Farm.PoolKey, Farm.Amd64, uids.ToHashSet());

    private static bool Retire(Farm farm, string uid) => farm.Scheduler.TryRetire(Farm.PoolKey, Farm.Amd64, uid);
}
