using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

public sealed class SchedulerTests
{
    private const string Amd64 = Farm.Amd64;
    private const string Arm64 = Farm.Arm64;
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    [Fact]
    public void Request_WhenABuilderIsFree_GrantsItAtOnce()
    {
        var farm = new Farm();
        var uid = farm.BuilderUp(0);

        var answer = farm.Ask("app");

        answer.Builder.ShouldNotBeNull().Uid.ShouldBe(uid);
        answer.Reason.ShouldBe(WaitReason.None);
        farm.Builds.Now.ShouldBeEmpty("who asks hears it by the answer");
    }

    [Fact]
    public void Request_WhenAskedAgain_IsTheSameGrant()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.BuilderUp(1);

        var first = farm.Ask("app");

        farm.Ask("app").ShouldBe(first);
        farm.Scheduler.Of(Farm.PoolKey, Amd64).Building.ShouldBe(1);
    }

    // Its pod has ended, or its node is gone, and the Job controller has not said so yet.
    [Fact]
    public void Request_WhileTheJobOfTheAttemptBeforeIsThere_IsAnotherBuilder()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.BuilderUp(1);
        var first = farm.Ask("app").Builder!;
        farm.JobSeen("app", first);
        farm.Refresh();

        var second = farm.AskAgain("app", attempt: 2, avoid: first.Name);

        second.Builder.ShouldNotBeNull().Name.ShouldNotBe(first.Name);
        farm.Count().Building.ShouldBe(2);
    }

    [Fact]
    public void Request_WhileTheJobOfTheAttemptBeforeHoldsTheLastSlot_WaitsAndIsWoken()
    {
        var farm = new Farm(buildsPerBuilder: 1, min: 1, max: 1);
        farm.BuilderUp(0);
        var first = farm.Ask("app").Builder!;
        farm.JobSeen("app", first);
        farm.Refresh();

        farm.AskAgain("app", attempt: 2).ShouldWait(WaitReason.NoBuilderFree);
        farm.JobEnded("app", first);
        farm.Refresh();

        farm.Builds.Now.ShouldContain(Farm.Key("app"));
        farm.AskAgain("app", attempt: 2).Builder.ShouldNotBeNull();
    }

    [Fact]
    public void Request_WhenBuildersAreFull_WaitsForOneThatIsFree()
    {
        var farm = new Farm(buildsPerBuilder: 2);
        farm.BuilderUp(0);

        var answers = Enumerable.Range(0, 3).Select(number => farm.Ask($"app-{number}")).ToList();

        answers.Count(answer => answer.Builder is not null).ShouldBe(2);
        answers[2].ShouldWait(WaitReason.NoBuilderFree);
    }

    [Fact]
    public void Request_WhenNoBuilderIsReady_SaysSo()
    {
        var farm = new Farm();
        farm.BuilderUp(0, ready: false);

        farm.Ask("app").ShouldWait(WaitReason.NoBuilderReady);
    }

    [Fact]
    public void Refresh_WhenTheReasonForWaitingChanges_WakesTheBuild()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.JobSeen("first", farm.Ask("first").Builder!);
        farm.Ask("second");
        farm.SetReady(0, ready: false);

        farm.Refresh();

        farm.Builds.Now.ShouldBe([Farm.Key("second")]);
        farm.Ask("second").Reason.ShouldBe(WaitReason.NoBuilderReady);
    }

    [Fact]
    public void Grant_UntilItsJobIsSeen_HoldsTheSlot()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.Ask("first");

        farm.Refresh();

        farm.Ask("second").Builder.ShouldBeNull();
    }

    [Fact]
    public void Grant_WhenItsJobIsSeen_CountsOnce()
    {
        var farm = new Farm(buildsPerBuilder: 2);
        farm.BuilderUp(0);
        farm.JobSeen("first", farm.Ask("first").Builder!);

        farm.Scheduler.Of(Farm.PoolKey, Amd64).Building.ShouldBe(1);
        farm.Ask("second").Builder.ShouldNotBeNull();
    }

    // It threw, and with it every pass of the pool and every request to it, for ever.
    [Fact]
    public void Job_WhenItsBuilderLabelIsGone_HoldsItsSlotAndHurtsNobody()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        var uid = farm.BuilderUp(0);
        farm.JobSeenWithoutItsBuilder("first", farm.Ask("first").Builder!);

        farm.Scheduler.Of(Farm.PoolKey, Amd64).Builds.ShouldBe(new Dictionary<string, int> { [uid] = 1 });
        farm.Ask("second").ShouldWait(WaitReason.NoBuilderFree);
    }

    // Its predecessor's builds are not its own.
    [Fact]
    public void Builder_WhenItCameBackAsAnotherPod_HasNoBuilds()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.JobSeen("first", farm.Ask("first").Builder!);
        var uid = farm.BuilderUp(0);

        farm.Scheduler.Of(Farm.PoolKey, Amd64).Builds.ShouldNotContainKey(uid);
    }

    [Fact]
    public void Grant_WhenItsJobIsOverBeforeItWasSeenToRun_HoldsNothingAnyMore()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.JobEnded("first", farm.Ask("first").Builder!);

        farm.Ask("second").Builder.ShouldNotBeNull();
    }

    [Fact]
    public void Grant_WhenNoJobComes_ExpiresAfterTwoMinutes()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.Ask("lost");
        farm.Ask("second");

        farm.Time.Advance(Lane.GrantExpiry - Second);
        farm.Refresh();
        farm.Builds.Now.ShouldBeEmpty();
        farm.Time.Advance(Second);
        farm.Refresh();

        farm.Builds.Now.ShouldBe([Farm.Key("second")]);
        farm.Ask("second").Builder.ShouldNotBeNull();
    }

    [Fact]
    public void Grant_WhenNoJobComes_WakesThePoolWhenItExpires()
    {
        var farm = new Farm();
        farm.BuilderUp(0);

        farm.Ask("lost");

        farm.Pools.Later.ShouldBe([(Farm.PoolKey, TimeSpan.FromMinutes(2))]);
    }

    [Fact]
    public void Request_WhenItsGrantHasExpired_IsNotForgotten()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.Ask("slow");
        farm.Ask("older", age: 10).Builder.ShouldBeNull();
        farm.Time.Advance(TimeSpan.FromMinutes(3));

        // It asks before anybody noticed: the slot is still its own.
        farm.Ask("slow").Builder.ShouldNotBeNull();
    }

    [Fact]
    public void Request_WhenTheBuilderOfItsGrantIsGone_WaitsAnew()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.Ask("app");
        farm.BuilderGone(0);

        farm.Ask("app").ShouldWait(WaitReason.NoBuilderReady);
        farm.BuilderUp(1);
        farm.Refresh();

        farm.Builds.Now.ShouldBe([Farm.Key("app")]);
    }

    [Fact]
    public void Builder_WhenItComesBackAsAnotherPod_HoldsNoGrantOfTheFirst()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.Ask("first");

        var uid = farm.BuilderUp(0);

        farm.Ask("second").Builder.ShouldNotBeNull().Uid.ShouldBe(uid);
    }

    [Fact]
    public void Builder_WhenItIsUnreadyForAMoment_KeepsItsGrant()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.Ask("first");

        farm.SetReady(0, ready: false);
        farm.Refresh();
        farm.SetReady(0, ready: true);

        farm.Ask("second").Builder.ShouldBeNull("the first one's Job may be there already");
    }

    [Fact]
    public void Refresh_WhenAJobHasEnded_WakesWhoWaits()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        var builder = farm.Ask("first").Builder!;
        farm.JobSeen("first", builder);
        farm.Ask("second");

        farm.JobEnded("first", builder);
        farm.Refresh();

        farm.Builds.Now.ShouldBe([Farm.Key("second")]);
        farm.Ask("second").Builder.ShouldNotBeNull();
    }

    [Fact]
    public void Refresh_WhenABuilderGetsReady_WakesAsManyAsItTakes()
    {
        var farm = new Farm(buildsPerBuilder: 2);
        farm.BuilderUp(0, ready: false);
        for (var number = 0; number < 3; number++) farm.Ask($"app-{number}", age: 10 - number);

        farm.SetReady(0, ready: true);
        farm.Refresh();

        // The third one hears that it waits for another reason now.
        farm.Builds.Now.ShouldBe([Farm.Key("app-0"), Farm.Key("app-1"), Farm.Key("app-2")]);
        farm.Ask("app-2", age: 8).ShouldWait(WaitReason.NoBuilderFree);
    }

    [Fact]
    public void Withdraw_WhenTheBuildWaits_TakesItOutOfTheQueue()
    {
        var farm = new Farm();
        farm.Ask("app");

        farm.Scheduler.Withdraw(Farm.Key("app"));
        farm.BuilderUp(0);
        farm.Refresh();

        farm.Builds.Now.ShouldBeEmpty();
        var count = farm.Scheduler.Of(Farm.PoolKey, Amd64);
        (count.Queued, count.Building).ShouldBe((0, 0));
    }

    [Fact]
    public void Withdraw_WhenAJobMayBeOnItsWay_FreesTheSlotOnceItWouldHaveBeenSeen()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.Ask("first");
        farm.Scheduler.Withdraw(Farm.Key("first"));
        farm.Ask("second").Builder.ShouldBeNull();
        farm.Pools.Later[^1].Delay.ShouldBe(TimeSpan.FromSeconds(30), "the pool looks again by itself");

        farm.Time.Advance(TimeSpan.FromSeconds(30));
        farm.Refresh();

        farm.Builds.Now.ShouldBe([Farm.Key("second")]);
    }

    [Fact]
    public void Request_WhenOnePlatformIsFull_GrantsTheOther()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0, Amd64);
        farm.BuilderUp(0, Arm64);
        farm.Ask("first", Amd64);

        var answers = farm.Scheduler.Request([Farm.Wish("second", Amd64), Farm.Wish("second", Arm64)]);

        answers[Amd64].Builder.ShouldBeNull();
        answers[Arm64].Builder.ShouldNotBeNull();
    }

    [Fact]
    public void Request_WhenTheBuildWantsFewerPlatforms_ForgetsTheOther()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.Scheduler.Request([Farm.Wish("app", Amd64), Farm.Wish("app", Arm64)]);

        farm.Ask("app", Amd64);

        farm.Scheduler.Of(Farm.PoolKey, Arm64).Queued.ShouldBe(0);
    }

    [Fact]
    public void Request_WhenTheBuildMovesToAnotherPool_GetsNoBuilderOfTheFirst()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.Ask("app");
        farm.Ask("second");

        var answer = farm.Scheduler.Request([Farm.Wish("app") with { Pool = new("builders", "other") }])[Amd64];

        answer.Builder.ShouldBeNull();
        farm.Builds.Now.ShouldBe([Farm.Key("second")], "the slot is free");
    }

    [Fact]
    public void Request_WhenOneNamespaceHasMany_ServesTheOtherFirst()
    {
        var farm = new Farm(buildsPerBuilder: 2);
        farm.BuilderUp(0);
        var first = farm.Ask("team-a/one", age: 30).Builder!;
        farm.JobSeen("team-a/one", first);
        var second = farm.Ask("team-a/two", age: 29).Builder!;
        farm.JobSeen("team-a/two", second);
        farm.Ask("team-a/three", age: 28);
        farm.Ask("team-b/one", age: 1);

        farm.JobEnded("team-a/one", first);
        farm.Refresh();

        farm.Builds.Now.ShouldBe([Farm.Key("team-b/one")]);
    }

    // With a single slot nobody runs anything when it is free again: the longer queue must not get it each time.
    [Fact]
    public void Request_WhenThereIsOneSlotInAll_ServesNamespacesInTurn()
    {
        var farm = new Farm(buildsPerBuilder: 1, min: 1, max: 1);
        farm.BuilderUp(0);
        string[] builds = ["flood/1", "flood/2", "flood/3", "quiet/1", "quiet/2"];
        foreach (var (build, index) in builds.Select((build, index) => (build, index))) farm.Ask(build, age: 60 - index);
        var served = new List<string>();

        while (builds.Except(served).FirstOrDefault(build => farm.Ask(build).Builder is not null) is { } next)
        {
            var builder = farm.Ask(next).Builder!;
            farm.JobSeen(next, builder);
            farm.Refresh();
            farm.JobEnded(next, builder);
            farm.Refresh();
            served.Add(next);
        }

        served.ShouldBe(["flood/1", "quiet/1", "flood/2", "quiet/2", "flood/3"]);
    }

    [Fact]
    public void Request_WhenNobodyIsAhead_ServesTheOldestFirst()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.Ask("young", age: 1);
        farm.Ask("old", age: 5);

        farm.BuilderUp(0);
        farm.Refresh();

        farm.Ask("old", age: 5).Builder.ShouldNotBeNull();
        farm.Ask("young", age: 1).Builder.ShouldBeNull();
    }

    [Fact]
    public void Scheduler_WhenItStartsAnew_CountsTheJobsThatRun()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.JobSeen("first", farm.Ask("first").Builder!);

        farm.Restart();

        farm.Ask("second").ShouldWait(WaitReason.NoBuilderFree);
        farm.Scheduler.Of(Farm.PoolKey, Amd64).Building.ShouldBe(1);
    }

    [Fact]
    public void Request_WhenItsJobHasAppearedSince_IsToldWhereItRunsAndTakesNoSecondSlot()
    {
        var farm = new Farm(buildsPerBuilder: 2);
        farm.BuilderUp(0);
        farm.BuilderUp(1);
        var builder = farm.Ask("app").Builder!;
        farm.JobSeen("app", builder);
        farm.Refresh();

        farm.Ask("app").Builder.ShouldBe(builder);

        farm.Scheduler.Of(Farm.PoolKey, Amd64).Building.ShouldBe(1);
        farm.Scheduler.Of(Farm.PoolKey, Amd64).Queued.ShouldBe(0);
    }

    [Fact]
    public void Queue_WhenOnlyItsLengthChanges_WakesThePoolAfterFiveSeconds()
    {
        var farm = new Farm();

        farm.Ask("app");
        farm.Ask("app");

        farm.Pools.Later.ShouldBe([(Farm.PoolKey, TimeSpan.FromSeconds(5))]);
        farm.Scheduler.Withdraw(Farm.Key("app"));
        farm.Pools.Later.Count.ShouldBe(2);
        farm.Pools.Now.ShouldBeEmpty();
    }

    [Fact]
    public void Queue_WhenOnePlatformLosesWhatAnotherGains_WakesThePoolAllTheSame()
    {
        var farm = new Farm();
        farm.Ask("app", Amd64);
        farm.Pools.Later.Clear();

        farm.Ask("app", Arm64);

        farm.Scheduler.Of(Farm.PoolKey, Amd64).Queued.ShouldBe(0);
        farm.Scheduler.Of(Farm.PoolKey, Arm64).Queued.ShouldBe(1);
        farm.Pools.Later.ShouldContain((Farm.PoolKey, TimeSpan.FromSeconds(5)), "its status tells them apart");
    }

    [Fact]
    public void Request_WhenItsLastJobWasOverBeforeThePoolWasLookedAt_IsGrantedAnew()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        farm.JobEnded("app", farm.Ask("app").Builder!);

        farm.Ask("app").Builder.ShouldNotBeNull();
    }

    [Fact]
    public void Request_WhenItsLastJobIsOverAndBuildersAreFull_IsWokenInItsTurn()
    {
        var farm = new Farm(buildsPerBuilder: 1);
        farm.BuilderUp(0);
        var builder = farm.Ask("app").Builder!;
        farm.JobEnded("app", builder);
        farm.JobSeen("other", builder);

        farm.Ask("app").ShouldWait(WaitReason.NoBuilderFree);
        farm.JobEnded("other", builder);
        farm.Refresh();

        farm.Builds.Now.ShouldBe([Farm.Key("app")]);
    }

    // It read them several times for every grant.
    [Fact]
    public void Refresh_WhenManyAreGrantedAtOnce_ReadsTheStoresOnceForEachPlatform()
    {
        var farm = new Farm(buildsPerBuilder: 64);
        farm.BuilderUp(0, ready: false);
        for (var number = 0; number < 64; number++) farm.Ask($"app-{number}");
        farm.JobSeen("other", new Builder { Name = Farm.Name(9), Uid = "gone", Ordinal = 9, ServerName = "", Ready = true, Draining = false });
        farm.SetReady(0, ready: true);
        var before = farm.JobsRead;

        farm.Refresh();

        farm.Builds.Now.Count.ShouldBe(64);
        (farm.JobsRead - before).ShouldBe(2, "one Job, two platforms");
    }
}
