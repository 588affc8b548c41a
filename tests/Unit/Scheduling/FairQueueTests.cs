using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

public sealed class FairQueueTests
{
    private static readonly Dictionary<string, int> NothingRuns = [];

    [Fact]
    public void Next_WhenNobodyWaits_IsNull() => FairQueue.Next([], NothingRuns).ShouldBeNull();

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
        var running = new Dictionary<string, int>();
        var served = new List<string>();

        while (served.Count < 4)
        {
            var next = FairQueue.Next(waiting, running)!;
            waiting.Remove(next);
            running[next.Build.Namespace] = running.GetValueOrDefault(next.Build.Namespace) + 1;
            served.Add(next.Build.Namespace);
        }

        served.ShouldBe(["flood", "quiet", "flood", "quiet"]);
    }

    private static string? Next(Dictionary<string, int> running, params SlotRequest[] waiting) => FairQueue.Next(waiting, running)?.Build.ToString();
}
