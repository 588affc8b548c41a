namespace Slipway.Tests.Unit.Kube.Chaos;

/// <summary>
/// Objects come, change and go while connections break, versions expire, events are late and writes fail, in any order. Whatever
/// happened: in the end the store is equal to a fresh list, whoever only listened to the handlers knows the same, and every key was
/// reconciled after its last change.
/// </summary>
[Requirement("R2")]
[Requirement("R8")]
[Requirement("R11")]
[Requirement("R16")]
public sealed class ChaosTests
{
    private const int Seeds = 500;
    private const int Steps = 60;
    private const int Enough = 3;

    [Fact]
    public async Task Run_WhenEverythingGoesWrong_EndsEqualToTheCluster()
    {
        var seeds = Sample.Of([.. Enumerable.Range(0, Seeds)]);
        Console.WriteLine($"chaos: {seeds.Count} of {Seeds} seeds ({Sample.Described})");
        var differences = new List<string>();
        foreach (var seed in seeds)
        {
            if (await DifferenceAsync(seed) is { } difference) differences.Add(difference);
            // Each takes its time to be sure.
            if (differences.Count == Enough) break;
        }

        Sample.Tally(seeds.Count, "chaos seeds", differences.Count);
        differences.ShouldBeEmpty();
    }

    private static async Task<string?> DifferenceAsync(int seed)
    {
        await using var world = new ChaosWorld();
        // Any chance does that is the same each time.
#pragma warning disable CA5394
        var random = new Random(seed);
#pragma warning restore CA5394
        try
        {
            for (var step = 0; step < Steps; step++) await world.PlayAsync(random);
            await world.SettleAsync();
            return null;
        }
        catch (Exception exception)
        {
            return $"Seed {seed}: {exception.Message}\n{world.Story}";
        }
    }
}
