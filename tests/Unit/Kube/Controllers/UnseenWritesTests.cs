using Slipway.Kube;
using Slipway.Kube.Controllers;

namespace Slipway.Tests.Unit.Kube.Controllers;

/// <summary>A store is behind our own writes by moments.</summary>
[Requirement("R16")]
public sealed class UnseenWritesTests
{
    private static readonly NamespacedName Key = new("ns", "a");

    private readonly UnseenWrites _writes = new();

    [Fact]
    public void HoldBack_WhenNothingWasWritten_HoldsNothing() => _writes.HoldBack(Key, "1").ShouldBeFalse();

    [Fact]
    public void HoldBack_WhenTheStoreShowsTheReplacedVersion_HoldsUntilItIsSeen()
    {
        _writes.Replaced(Key, "1");
        _writes.HoldBack(Key, "1").ShouldBeTrue();
        _writes.HoldBack(Key, "1").ShouldBeTrue();
        _writes.Seen(Key, "2").ShouldBeTrue("a pass has waited");
        _writes.HoldBack(Key, "2").ShouldBeFalse();
    }

    // An event that is on its way since before the write.
    [Fact]
    public void Seen_WhenTheStoreStillShowsTheReplacedVersion_HoldsOn()
    {
        _writes.Replaced(Key, "1");
        _writes.HoldBack(Key, "1").ShouldBeTrue();
        _writes.Seen(Key, "1").ShouldBeFalse();
        _writes.HoldBack(Key, "1").ShouldBeTrue();
    }

    [Fact]
    public void Seen_WhenNoPassHasWaited_WakesNobody()
    {
        _writes.Replaced(Key, "1");
        _writes.Seen(Key, "2").ShouldBeFalse();
        _writes.Seen(Key, "3").ShouldBeFalse();
    }

    // The event was quicker than the answer to the write.
    [Fact]
    public void HoldBack_WhenTheWriteWasSeenBeforeItWasNoted_HoldsNothing()
    {
        _writes.Seen(Key, "2").ShouldBeFalse();
        _writes.Replaced(Key, "1");
        _writes.HoldBack(Key, "2").ShouldBeFalse();
    }

    [Fact]
    public void Seen_WhenTheObjectIsGone_LetsItsPassGo()
    {
        _writes.Replaced(Key, "1");
        _writes.HoldBack(Key, "1").ShouldBeTrue();
        _writes.Seen(Key, null).ShouldBeTrue();
        _writes.HoldBack(Key, null).ShouldBeFalse();
    }

    [Fact]
    public void HoldBack_WhenAnotherObjectWasWritten_HoldsNothing()
    {
        _writes.Replaced(Key, "1");
        _writes.HoldBack(Key with { Name = "b" }, "1").ShouldBeFalse();
    }
}
