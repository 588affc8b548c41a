using System.Globalization;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

public sealed class PlacementTests
{
    private static readonly Func<Member, bool> AllHaveRoom = _ => true;

    [Fact]
    public void Best_WhenNothingChanges_SendsAScopeToTheSameBuilder() =>
        Placement.Best("team/app", Members(5)).ShouldBe(Placement.Best("team/app", Members(5).Reverse()));

    [Fact]
    public void Best_WhenThereAreNoMembers_IsNull() => Placement.Best("team/app", []).ShouldBeNull();

    [Fact]
    public void Best_WhenTheBestIsLeftOut_IsTheNextOfTheScopesOwnOrder()
    {
        var best = Placement.Best("team/app", Members(5))!;
        var next = Placement.Best("team/app", Members(5).Where(member => member != best))!;

        next.ShouldNotBe(best);
        Placement.Best("team/app", Members(9).Where(member => member == best || member == next)).ShouldBe(best);
    }

    [Fact]
    public void Best_OverManyScopes_GivesEveryBuilderItsShare()
    {
        var counts = Scopes(10_000).CountBy(scope => Placement.Best(scope, Members(10))!.Name).Select(entry => entry.Value).ToList();

        counts.Count.ShouldBe(10);
        counts.ShouldAllBe(count => count > 850 && count < 1150);
    }

    [Fact]
    public void Choose_WhenTheScopeHasRunNowhere_GoesToTheBest()
    {
        var choice = Placement.Choose("team/app", Members(5), ranOn: null, AllHaveRoom);

        choice.Free.ShouldBe(Placement.Best("team/app", Members(5)));
        choice.Preferred.ShouldBe(choice.Free);
    }

    [Fact]
    public void Choose_WhenTheScopeRanElsewhere_GoesThereAgain()
    {
        var ranOn = Other("team/app");

        Placement.Choose("team/app", Members(5), ranOn.Name, AllHaveRoom).Free.ShouldBe(ranOn);
    }

    [Fact]
    public void Choose_WhenTheBuilderItRanOnIsNoMemberAnyMore_GoesToTheBest() =>
        Placement.Choose("team/app", Members(5), "farm-9", AllHaveRoom).Preferred.ShouldBe(Placement.Best("team/app", Members(5)));

    [Fact]
    public void Choose_WhenThePreferredIsFull_SpillsOver()
    {
        var best = Placement.Best("team/app", Members(3));

        var choice = Placement.Choose("team/app", Members(3), ranOn: null, member => member != best);

        choice.Preferred.ShouldBe(best);
        choice.Free.ShouldNotBeNull().ShouldNotBe(best);
        choice.WorthWaiting.ShouldBeFalse("its cache is not there");
    }

    [Fact]
    public void Choose_WhenThePreferredIsFullAndWarm_IsWorthWaiting()
    {
        var best = Placement.Best("team/app", Members(3))!;

        Placement.Choose("team/app", Members(3), best.Name, member => member != best).WorthWaiting.ShouldBeTrue();
    }

    [Fact]
    public void Choose_WhenTheWarmOneTakesNoBuilds_IsNotWorthWaiting()
    {
        var best = Placement.Best("team/app", Members(3))!;
        var members = Members(3).Select(member => member.Name == best.Name ? member with { Builder = null } : member).ToList();

        var choice = Placement.Choose("team/app", members, best.Name, member => member.Builder is not null);

        choice.WorthWaiting.ShouldBeFalse();
        choice.Free.ShouldNotBeNull().Name.ShouldNotBe(best.Name);
    }

    // New builders would help nobody for a minute, and that at the moment that they are started for.
    [Fact]
    public void Choose_WhenTheBestIsANewBuilder_DoesNotWaitForTheOneThatItRanOn()
    {
        var best = Placement.Best("team/app", Members(3))!;
        var old = Other("team/app", members: 3);

        var choice = Placement.Choose("team/app", Members(3), old.Name, member => member != old);

        choice.WorthWaiting.ShouldBeFalse();
        choice.Free.ShouldBe(best);
    }

    [Fact]
    public void Choose_WhenAllAreFull_HasNone() => Placement.Choose("team/app", Members(3), ranOn: null, _ => false).Free.ShouldBeNull();

    private static Member Other(string scope, int members = 5) => Members(members).First(member => member != Placement.Best(scope, Members(members)));

    private static IEnumerable<string> Scopes(int count) => Enumerable.Range(0, count).Select(number => number.ToString(CultureInfo.InvariantCulture));

    private static IReadOnlyList<Member> Members(int count) => [.. Enumerable.Range(0, count).Select(ordinal => new Member($"farm-{ordinal}", new Builder
    {
        Name = $"farm-{ordinal}", Uid = $"uid-{ordinal}", Ordinal = ordinal, ServerName = "", Ready = true, Draining = false, Address = "tcp://198.18.0.1:1234",
    }))];
}
