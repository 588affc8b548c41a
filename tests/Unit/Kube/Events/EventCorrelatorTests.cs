using k8s.Models;
using Slipway.Kube;
using Slipway.Kube.Events;

namespace Slipway.Tests.Unit.Kube.Events;

/// <summary>The numbers of client-go's events_cache.go.</summary>
[Requirement("R19")]
public sealed class EventCorrelatorTests
{
    private readonly TestClock _clock = new();
    private readonly EventCorrelator _correlator;

    public EventCorrelatorTests() => _correlator = new EventCorrelator(_clock);

    [Fact]
    public void Next_WhenTheSameComesAgain_CountsUp() =>
        Enumerable.Range(0, 3).Select(_ => Next("no")!.Count).ShouldBe([1, 2, 3]);

    [Fact]
    public void Next_WhenMoreThanTenMessagesDiffer_CombinesTheRest()
    {
        for (var number = 1; number <= 10; number++) Next($"message {number}")!.Message.ShouldBe($"message {number}");
        Next("message 11")!.ShouldSatisfyAllConditions(
            step => step.Message.ShouldBe("(combined from similar events): message 11"), step => step.Count.ShouldBe(1));
        Next("message 12")!.Count.ShouldBe(2);
        Next("message 1")!.Message.ShouldBe("message 1", "one that has an Event of its own");
    }

    [Fact]
    public void Next_WhenMessagesDifferForAnotherReason_TellsThemApart()
    {
        for (var number = 1; number <= 11; number++) Next($"message {number}");
        Next("message 12", reason: "Another")!.Message.ShouldBe("message 12");
    }

    [Fact]
    public void Next_WhenTenMinutesHavePassed_CombinesNoMore()
    {
        for (var number = 1; number <= 11; number++) Next($"message {number}");
        _clock.Advance(TimeSpan.FromMinutes(10) + TimeSpan.FromSeconds(1));
        Next("message 12")!.Message.ShouldBe("message 12");
    }

    [Fact]
    public void Next_WhenAnObjectHasHad25_GivesItOneInFiveMinutes()
    {
        for (var number = 0; number < 25; number++) Next("no").ShouldNotBeNull();
        Next("no").ShouldBeNull();
        Next("no", uid: "another").ShouldNotBeNull("each object has its own share");
        _clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        Next("no").ShouldBeNull();
        _clock.Advance(TimeSpan.FromSeconds(1));
        Next("no").ShouldNotBeNull();
        Next("no").ShouldBeNull();
    }

    // Memory must not grow with history.
    [Fact]
    public void Recent_WhenItIsFull_ForgetsWhatWasNotUsedForTheLongest()
    {
        var recent = new Recent<int, string>(2);
        recent.Set(1, "one");
        recent.Set(2, "two");
        recent.Get(1).ShouldBe("one");
        recent.Set(3, "three");
        (recent.Get(1), recent.Get(2), recent.Get(3)).ShouldBe(("one", null, "three"));
    }

    private EventStep? Next(string message, string reason = "Failed", string uid = "uid-a") =>
        _correlator.Next(new RecordedEvent(new V1ObjectReference { Uid = uid, Name = "a" }, EventType.Warning, reason, message));
}
