namespace Slipway.Tests.CrashPoints;

/// <summary>The same from outside: the program itself, and SIGKILL, wherever that meets it.</summary>
public sealed class KillTests(Theatre theatre)
{
    private const int Kills = 5;

    [Fact]
    public async Task Operator_WhenItIsKilled_EndsAsIfNothingHadBeen()
    {
        var writes = (await theatre.UndisturbedAsync(Scenarios.Whole)).Run.Writes.Count;
        var moments = Sample.Of([.. Enumerable.Range(1, Kills).Select(kill => writes * kill / (Kills + 1))]);
        Console.WriteLine($"kills: {writes} writes, {moments.Count} of {Kills} kills, {Sample.Described}");

        var differences = new List<string>();
        foreach (var moment in moments)
        {
            var outcome = await theatre.OutcomeAsync(Scenarios.Whole, (server, _) => new KilledOperator(server, moment));
            // It always comes to a count of writes that is well below that of the undisturbed run.
            outcome.Died.ShouldBeTrue();
            if (outcome.Difference is { } difference) differences.Add($"The operator was killed at its write {moment} of {writes}. {difference}");
            Console.WriteLine($"kills: killed at write {moment}: {outcome}");
        }

        Sample.Tally(moments.Count, "kills", differences.Count);
        differences.ShouldBeEmpty();
    }
}
