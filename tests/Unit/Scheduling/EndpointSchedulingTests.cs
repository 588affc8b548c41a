using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

/// <summary>Endpoints take part in the queue like any other builder.</summary>
public sealed class EndpointSchedulingTests
{
    private readonly Farm _farm = new(buildsPerBuilder: 2);

    public EndpointSchedulingTests() => _farm.UseEndpoints(Farm.Arm64, "tcp://arm-1:1234");

    [Fact]
    public void Request_WhenThePlatformHasEndpoints_GrantsThemUpToTheirSlots()
    {
        List<SlotAnswer> answers = [_farm.Ask("a", Farm.Arm64), _farm.Ask("b", Farm.Arm64), _farm.Ask("c", Farm.Arm64)];

        answers.Select(answer => answer.Builder?.Name).ShouldBe(["arm-1:1234", "arm-1:1234", null]);
        answers[2].Reason.ShouldBe(WaitReason.NoBuilderFree);
    }

    // Pods of a StatefulSet that is about to be retired are no builders of the platform any more.
    [Fact]
    public void Request_WhenPodsOfBeforeAreStillThere_GrantsNone()
    {
        _farm.BuilderUp(0, Farm.Arm64);

        _farm.Ask("a", Farm.Arm64).Builder!.Mode.ShouldBe("External");
        _farm.Ask("b", Farm.Arm64).Builder!.Mode.ShouldBe("External");
        _farm.Ask("c", Farm.Arm64).Builder.ShouldBeNull();
    }

    // The queue of passes keeps the earliest wake of a pool alone, so each pass has to ask for the next one.
    [Fact]
    public void Refresh_WhileTheCircuitIsOpen_WakesThePoolWhenItMayBeTriedAgain()
    {
        var builder = _farm.Ask("a", Farm.Arm64).Builder!;
        _farm.JobEnded("a", builder, Farm.Arm64);
        _farm.Scheduler.Report(new JobOutcome(Farm.PoolKey, Farm.Arm64, builder.Uid, "job-a", Reached: false));
        _farm.Time.Advance(TimeSpan.FromSeconds(10));
        _farm.Pools.Later.Clear();

        _farm.Refresh();

        _farm.Pools.Later.ShouldBe([(Farm.PoolKey, TimeSpan.FromSeconds(20))]);

        _farm.Time.Advance(TimeSpan.FromSeconds(20));
        _farm.Pools.Later.Clear();
        _farm.Refresh();
        _farm.Pools.Later.ShouldBeEmpty();
    }

    [Fact]
    public void Request_WhenTheCircuitIsOpen_WaitsAndIsGrantedOneTryWhenItMayBeBack()
    {
        var builder = _farm.Ask("a", Farm.Arm64).Builder!;
        _farm.JobEnded("a", builder, Farm.Arm64);
        _farm.Scheduler.Report(new JobOutcome(Farm.PoolKey, Farm.Arm64, builder.Uid, "job-a", Reached: false));
        var (first, second) = (_farm.Ask("b", Farm.Arm64, age: 2), _farm.Ask("c", Farm.Arm64, age: 1));
        first.Reason.ShouldBe(WaitReason.NoBuilderReady);
        second.Reason.ShouldBe(WaitReason.NoBuilderReady);

        _farm.Time.Advance(TimeSpan.FromSeconds(30));
        _farm.Refresh();

        _farm.Ask("b", Farm.Arm64, age: 2).Builder.ShouldNotBeNull();
        _farm.Ask("c", Farm.Arm64, age: 1).Builder.ShouldBeNull();

        _farm.JobSeen("b", builder, Farm.Arm64);
        _farm.Scheduler.Report(new JobOutcome(Farm.PoolKey, Farm.Arm64, builder.Uid, "job-b", Reached: true));
        _farm.Refresh();
        _farm.Ask("c", Farm.Arm64, age: 1).Builder.ShouldNotBeNull();
    }
}
