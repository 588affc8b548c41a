using k8s.Models;
using Microsoft.Extensions.Time.Testing;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Pools;

namespace Slipway.Tests.Unit.Pools;

public class StatusPaceTests
{
    private static readonly NamespacedName Farm = new("builders", "farm");

    private readonly FakeTimeProvider _time = new(PoolWorld.Now);
    private readonly StatusPace _pace;

    public StatusPaceTests() => _pace = new StatusPace(new PoolOptions(), _time);

    [Fact]
    public void Of_WhenThereIsNoStatusYet_WritesAtOnce()
    {
        var first = Status(1);

        _pace.Of(Farm, null, first).ShouldBe((first, null));
    }

    [Fact]
    public void Of_WhenCountersChangeAgainAndAgain_WritesThemEveryFiveSeconds()
    {
        var first = Status(1);
        var second = Status(2);
        _pace.Of(Farm, Status(0), first).Status.ShouldBeSameAs(first);

        _time.Advance(TimeSpan.FromSeconds(2));
        var (kept, wait) = _pace.Of(Farm, first, second);
        kept.ShouldBeSameAs(first);
        wait.ShouldBe(TimeSpan.FromSeconds(3));

        _time.Advance(TimeSpan.FromSeconds(3));
        _pace.Of(Farm, first, second).ShouldBe((second, null));
    }

    [Fact]
    public void Of_WhenABuilderBecomesBusyOrReady_CountsThatAsACounter()
    {
        var first = Status(0, "Ready");
        _pace.Of(Farm, Status(1), first);

        _pace.Of(Farm, first, Status(1, "Busy")).Status.ShouldBeSameAs(first);
    }

    [Theory]
    [InlineData("Draining")]
    [InlineData("NotReady")]
    public void Of_WhenABuilderIsOtherwiseAnother_WritesAtOnceWithTheCounters(string state)
    {
        var first = Status(0, "Ready");
        var second = Status(1, state);
        _pace.Of(Farm, Status(1), first);

        _pace.Of(Farm, first, second).ShouldBe((second, null));
    }

    [Fact]
    public void Of_WhenAConditionChanges_WritesAtOnce()
    {
        var first = Status(1);
        var second = Status(2) with { Conditions = [new V1Condition { Type = "Ready", Status = "False", Reason = "x", Message = "" }] };
        _pace.Of(Farm, Status(0), first);

        _pace.Of(Farm, first, second).Status.ShouldBeSameAs(second);
    }

    [Fact]
    public void Of_WhenAnotherPoolWrites_DoesNotWaitForIt()
    {
        var first = Status(1);
        _pace.Of(Farm, Status(0), first);

        _pace.Of(new NamespacedName("builders", "other"), Status(0), first).Status.ShouldBeSameAs(first);
    }

    [Fact]
    public void Forget_WhenAPoolIsGone_LetsItsSuccessorWriteAtOnce()
    {
        var first = Status(1);
        _pace.Of(Farm, Status(0), first);

        _pace.Forget(Farm);

        _pace.Of(Farm, Status(0), first).Status.ShouldBeSameAs(first);
    }

    private static BuilderPoolStatus Status(int building, string state = "Ready") => new()
    {
        ObservedGeneration = 1,
        Summary = new PoolSummary { Builders = "1/1", Building = building, Queued = building },
        Platforms =
        [
            new PoolPlatformStatus
            {
                Platform = "linux/amd64", Desired = 1, Ready = 1, Building = building, Queued = building,
                Builders = [new BuilderStatus { Name = "farm-linux-amd64-0", State = state, Builds = building }],
            },
        ],
    };
}
