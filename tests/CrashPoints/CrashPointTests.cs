using System.Collections.Concurrent;

namespace Slipway.Tests.CrashPoints;

/// <summary>The operator dies at a write of its own and comes back: the end is that of a run without a crash.</summary>
public sealed class CrashPointTests(Theatre theatre) : IClassFixture<Theatre>
{
    /// <summary>Two cores; half of a run is waiting.</summary>
    private const int Lanes = 3;

    public static TheoryData<string> Names => [.. Scenarios.All.Keys];

    [Theory, MemberData(nameof(Names))]
    public async Task Operator_WhenItDiesAtAWrite_EndsAsIfNothingHadBeen(string name)
    {
        var scenario = Scenarios.All[name];
        var (undisturbed, sites) = await UndisturbedAsync(scenario);
        var all = sites.SelectMany(site => new[] { new CrashPoint(site, After: false), new CrashPoint(site, After: true) }).ToList();
        var points = Sample.Of(all);
        Say($"{name}: {sites.Count} writes, {points.Count} of {all.Count} crash points ({Sample.Described})");

        var differences = new ConcurrentBag<string>();
        await Parallel.ForEachAsync(points, new ParallelOptions { MaxDegreeOfParallelism = Lanes }, async (point, _) =>
        {
            var started = TimeProvider.System.GetTimestamp();
            var difference = await DifferenceAsync(scenario, point, undisturbed);
            if (difference is not null) differences.Add($"{name}, the operator died {point}. {difference}");
            Say($"{name}: died {point}: {(difference is null ? "no difference" : "DIFFERENT")} {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0.0} s");
        });
        Say($"{name}: {points.Count} crash points, {differences.Count} differences");
        differences.ShouldBeEmpty();
    }

    /// <summary>Played twice: what is not the same in both is not for a crash to change, and a write that is not in both is none to die at.</summary>
    private async Task<(Run Run, IReadOnlyList<CallSite> Sites)> UndisturbedAsync(Scenario scenario)
    {
        var (first, one) = await theatre.PlayAsync(scenario, (server, mask) => new MortalOperator(server, mask, scenario.KeepSucceeded), undisturbed: null);
        var (_, other) = await theatre.PlayAsync(scenario, (server, mask) => new MortalOperator(server, mask, scenario.KeepSucceeded), first);
        return (first, [.. one.Sites.Intersect(other.Sites)]);
    }

    private async Task<string?> DifferenceAsync(Scenario scenario, CrashPoint point, Run undisturbed)
    {
        try
        {
            var (_, mortal) = await theatre.PlayAsync(scenario, (server, mask) => new MortalOperator(server, mask, scenario.KeepSucceeded, point), undisturbed);
            return mortal.Life == 2 ? null : "It did not die: this run had no such write.";
        }
        catch (Exception different) when (different is DifferenceException or InvalidOperationException)
        {
            return different.Message;
        }
    }

    private static void Say(string line) => Console.WriteLine($"crash points: {line}");
}
