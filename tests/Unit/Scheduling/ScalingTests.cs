using Slipway.Api;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

/// <summary>How many builders there should be, as the scheduler decides it.</summary>
public sealed class ScalingTests
{
    private static readonly TimeSpan IdleAfter = TimeSpan.FromMinutes(10);

    [Fact]
    public void Desired_WhenNothingIsToDo_IsTheLeast() => new Farm(min: 0, max: 5).Count().Desired.ShouldBe(0);

    [Fact]
    public void Desired_WhenBuildsCome_RisesFromZeroAtOnceToWhatTheyCanUse()
    {
        var farm = new Farm(buildsPerBuilder: 2, min: 0, max: 5);

        for (var number = 0; number < 3; number++) farm.Ask($"app-{number}");

        farm.Count().Desired.ShouldBe(2);
        farm.Count(Farm.Arm64).Desired.ShouldBe(0, "nobody builds for it");
        farm.Pools.Now.ShouldBe([Farm.PoolKey, Farm.PoolKey], "at the first and at the third build");
    }

    [Fact]
    public void Desired_WhenMoreBuildsComeThanFit_IsTheMost()
    {
        var farm = new Farm(buildsPerBuilder: 2, min: 0, max: 3);

        for (var number = 0; number < 12; number++) farm.Ask($"app-{number}");

        farm.Count().Desired.ShouldBe(3);
    }

    [Fact]
    public void Desired_WhenAllIsDone_FallsAfterIdleAfterAndNotBefore()
    {
        var farm = new Farm(buildsPerBuilder: 1, min: 0, max: 3);
        farm.BuilderUp(0);
        farm.JobEnded("app", farm.Ask("app").Builder!);
        farm.Refresh();
        farm.Pools.Now.Clear();

        farm.Pools.Later[^1].ShouldBe((Farm.PoolKey, IdleAfter), "nothing else would wake the pool");
        farm.Time.Advance(IdleAfter - TimeSpan.FromSeconds(1));
        farm.Refresh();
        farm.Count().Desired.ShouldBe(1);
        farm.Time.Advance(TimeSpan.FromSeconds(1));
        farm.Refresh();

        farm.Count().Desired.ShouldBe(0);
        farm.Pools.Now.ShouldBe([Farm.PoolKey]);
    }

    [Fact]
    public void Desired_WhenTheSpecHasItsOwnIdleAfter_FallsByThat()
    {
        var farm = new Farm(min: 0, max: 3);
        farm.Change(idleAfter: "30s");
        farm.Ask("app");
        farm.Scheduler.Withdraw(Farm.Key("app"));

        farm.Time.Advance(TimeSpan.FromSeconds(30));
        farm.Refresh();

        farm.Count().Desired.ShouldBe(0);
    }

    [Fact]
    public void Desired_WhenABuildRunsOnABuilderThatIsOneTooMany_CountsItAsWell()
    {
        var farm = new Farm(buildsPerBuilder: 1, min: 0, max: 3);
        farm.BuilderUp(2);
        farm.JobSeen("app", new Builder { Name = Farm.Name(2), Uid = "builder-1", Ordinal = 2, ServerName = "", Ready = true, Draining = false });

        farm.Ask("next");

        farm.Count().Desired.ShouldBeGreaterThanOrEqualTo(2);
        farm.Count().Building.ShouldBe(1);
    }

    [Fact]
    public void Builder_WhenItIsOneTooMany_GetsNoBuild()
    {
        var farm = new Farm(min: 1, max: 1);
        farm.BuilderUp(0, ready: false);
        farm.BuilderUp(1);

        farm.Ask("app").ShouldWait(WaitReason.NoBuilderReady);
    }

    // An operator that starts would otherwise tear down every builder that happens to be idle.
    [Fact]
    public void Desired_AfterARestart_IsWhatIsThereUntilIdleAfter()
    {
        var farm = new Farm(min: 0, max: 5);
        farm.BuilderUp(0);
        farm.BuilderUp(2);
        farm.BuilderUp(3);
        farm.BuilderEnds(3);

        farm.Restart();
        farm.Refresh();

        farm.Count().Desired.ShouldBe(3, "the fourth is on its way out");
        farm.Time.Advance(IdleAfter);
        farm.Refresh();
        farm.Count().Desired.ShouldBe(0);
    }

    [Fact]
    public void Desired_WhenTheSpecChangesItsLimits_FollowsAtTheNextLook()
    {
        var farm = new Farm(min: 0, max: 5);
        for (var number = 0; number < 20; number++) farm.Ask($"app-{number}");

        farm.Change(platform => platform with { Replicas = new PoolReplicas { Min = 0, Max = 2 } });
        farm.Refresh();
        farm.Count().Desired.ShouldBe(2);
        farm.Change(platform => platform with { Replicas = new PoolReplicas { Min = 8, Max = 9 } });
        farm.Refresh();
        farm.Count().Desired.ShouldBe(9);
        farm.Change(platform => platform with { Replicas = new PoolReplicas { Min = 4, Max = 4 } });
        farm.Refresh();
        farm.Count().Desired.ShouldBe(4);
    }

    // Nobody wanted them, the spec alone did.
    [Fact]
    public void Desired_WhenTheLeastIsLowered_FallsAtOnce()
    {
        var farm = new Farm(min: 3, max: 3);
        farm.Change(platform => platform with { Replicas = new PoolReplicas { Min = 0, Max = 3 } });
        farm.Refresh();

        farm.Count().Desired.ShouldBe(0);
    }

    [Fact]
    public void Desired_WhenBuildersRunOutsideTheCluster_IsNone()
    {
        var farm = new Farm(min: 1, max: 3);
        farm.Change(platform => platform with { Replicas = null, Endpoints = [new PoolEndpoint { Address = "tcp://builder.example:1234" }] });
        farm.Ask("app");

        farm.Count().Desired.ShouldBe(0, "none of the pool's own");
    }

    [Fact]
    public void Pool_WhenItIsGone_IsForgotten()
    {
        var farm = new Farm(min: 3, max: 3);
        farm.PoolGone();
        farm.Refresh();

        farm.Count().Desired.ShouldBe(0);
    }

    [Fact]
    public void Pool_WhenItIsGoneAndComesBack_ServesWhoWaitsStill()
    {
        var farm = new Farm();
        farm.PoolGone();
        farm.Ask("app").ShouldWait(WaitReason.NoBuilderReady);
        farm.Refresh();

        farm.Change();
        farm.BuilderUp(0);
        farm.Refresh();

        farm.Builds.Now.ShouldBe([Farm.Key("app")]);
    }
}
