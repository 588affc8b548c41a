using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

public sealed class FairQueueTests
{
    private static readonly Dictionary<string, int> NothingRuns = [];
    private static readonly Dictionary<string, long> NobodyServed = [];

    [Fact]
    public void Next_WhenNobodyWaits_IsNull() => Next(NothingRuns).ShouldBeNull();

    [Fact]
    public void Next_WhenNothingRuns_IsTheOldest() =>
        Next(NothingRuns, Farm.Wish("team-a/young", age: 1), Farm.Wish("team-b/old", age: 9), Farm.Wish("team-a/middle", age: 5)).ShouldBe("team-b/old");

    [Fact]
    public void Next_WhenANamespaceRunsLess_IsOfThatHoweverYoung() =>
        Next(new() { ["team-a"] = 2, ["team-b"] = 1 }, Farm.Wish("team-a/old", age: 60), Farm.Wish("team-b/young", age: 1)).ShouldBe("team-b/young");

    [Fact]
    public void Next_WhenANamespaceRunsNothing_ComesBeforeThoseThatRun() =>
        Next(new() { ["team-a"] = 1 }, Farm.Wish("team-a/old", age: 60), Farm.Wish("team-b/young", age: 1)).ShouldBe("team-b/young");

    [Fact]
    public void Next_WhenAllWaitAsLong_DoesNotDependOnTheOrderOfTheQueue()
    {
        SlotRequest[] waiting = [Farm.Wish("team-b/app"), Farm.Wish("team-a/two"), Farm.Wish("team-a/one")];

        Next(NothingRuns, waiting).ShouldBe("team-a/one");
        Next(NothingRuns, [.. waiting.Reverse()]).ShouldBe("team-a/one");
    }

    [Fact]
    public void Next_WhenOneNamespaceFloodsTheQueue_ServesBothInTurn()
    {
        var waiting = Enumerable.Range(0, 10).Select(number => Farm.Wish($"flood/{number}", age: 60)).Concat([Farm.Wish("quiet/one", age: 2), Farm.Wish("quiet/two", age: 1)]).ToList();
        var served = new List<string>();

        FairQueue.Serve(waiting, NothingRuns, NobodyServed, request =>
        {
            served.Add(request.Build.Namespace);
            return true;
        });

        served.Take(5).ShouldBe(["flood", "quiet", "flood", "quiet", "flood"]);
    }

    [Fact]
    public void Serve_WhenABuildDoesNotTakeIt_AsksTheNextOneOfTheSameNamespaceFirst() =>
        InTurn(new() { ["team-b"] = 1 }, Farm.Wish("team-a/one", age: 2), Farm.Wish("team-b/old", age: 60), Farm.Wish("team-a/two", age: 1))
            .ShouldBe(["team-a/one", "team-a/two", "team-b/old"]);

    [Fact]
    public void Serve_WhenPrioritiesDiffer_ServesTheHigherOneOfANamespaceFirst() =>
        InTurn(NothingRuns, Farm.Wish("old", age: 4), Farm.Wish("urgent") with { Priority = 1 }, Farm.Wish("later", age: 60) with { Priority = -100 })
            .ShouldBe(["team-a/urgent", "team-a/old", "team-a/later"]);

    [Fact]
    public void Serve_WhenPrioritiesOfTwoNamespacesDiffer_HeedsTheirAgeAlone() =>
        Next(NothingRuns, Farm.Wish("team-a/old", age: 2), Farm.Wish("team-b/urgent", age: 1) with { Priority = 1000 }).ShouldBe("team-a/old");

    [Fact]
    public void Serve_WhenABuildHasWaitedAStepForEachPriority_ServesItFirst() =>
        InTurn(NothingRuns, Farm.Wish("urgent") with { Priority = 2 }, Farm.Wish("patient", age: 11), Farm.Wish("young", age: 9))
            .ShouldBe(["team-a/patient", "team-a/urgent", "team-a/young"]);

    // One slot that is free once in an hour, and two new builds of the highest priority in the meantime: their queue never ends.
    [Fact]
    public void Serve_WhenUrgentBuildsNeverCease_ServesAllOthersAtLast()
    {
        var waiting = new List<SlotRequest> { Farm.Wish("patient") };
        var hours = 0;

        for (var served = ""; served != "team-a/patient"; hours++)
        {
            waiting.Add(Farm.Wish($"one-{hours}", age: -60 * hours) with { Priority = 1000 });
            waiting.Add(Farm.Wish($"two-{hours}", age: -60 * hours) with { Priority = 1000 });
            served = Next(NothingRuns, [.. waiting])!;
            waiting.RemoveAll(request => request.Build.ToString() == served);
            hours.ShouldBeLessThan(200);
        }

        TimeSpan.FromHours(hours).ShouldBeGreaterThan(1000 * FairQueue.AgeingStep);
    }

    [Fact]
    public void Serve_WhenABuildHasNoTimeOfCreationYet_DoesNotMind() =>
        Next(NothingRuns, Farm.Wish("new") with { Created = default, Priority = 1000 }).ShouldBe("team-a/new");

    private static string? Next(Dictionary<string, int> running, params SlotRequest[] waiting) => InTurn(running, waiting).FirstOrDefault();

    /// <summary>In the order in which they are asked, if nobody takes anything.</summary>
    private static List<string> InTurn(Dictionary<string, int> running, params SlotRequest[] waiting)
    {
        var asked = new List<string>();
        FairQueue.Serve(waiting, running, NobodyServed, request =>
        {
            asked.Add(request.Build.ToString());
            return false;
        });
        return asked;
    }
}
