using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Slipway.Tests;

/// <summary>
/// What a run takes of the very many cases that there are: a part that changes with the commit, so that all get their turn, or, for a
/// soak, all. SLIPWAY_SEED=N repeats another commit's choice, SLIPWAY_SOAK=1 takes all.
/// </summary>
internal static class Sample
{
    private const int Part = 10;

    public static bool TakesAll { get; } = Environment.GetEnvironmentVariable("SLIPWAY_SOAK") == "1";

    public static int Seed { get; } = int.TryParse(Environment.GetEnvironmentVariable("SLIPWAY_SEED"), out var seed) ? seed : OfCommit();

    /// <summary>A tenth, at least one, in the order that they have; all for a soak.</summary>
    public static IReadOnlyList<T> Of<T>(IReadOnlyList<T> all)
    {
        if (TakesAll) return all;
        var order = Enumerable.Range(0, all.Count).ToArray();
        // Any choice does that is the same each time.
#pragma warning disable CA5394
        new Random(Seed).Shuffle(order);
#pragma warning restore CA5394
        return [.. order.Take((all.Count + Part - 1) / Part).Order().Select(index => all[index])];
    }

    /// <summary>What a case is called in the output, so that it can be had again.</summary>
    public static string Described => TakesAll ? "all" : $"seed {Seed}";

    /// <summary>A line for soak.sh, which adds them up.</summary>
    public static void Tally(int count, string of, int differences) => Console.WriteLine($"tally: {count} {of}, {differences} differences");

    private static int OfCommit()
    {
        using var git = Process.Start(new ProcessStartInfo("git", ["rev-parse", "HEAD"]) { WorkingDirectory = Repository.Root, RedirectStandardOutput = true })!;
        var commit = git.StandardOutput.ReadToEnd().Trim();
        git.WaitForExit();
        return BitConverter.ToInt32(SHA256.HashData(Encoding.ASCII.GetBytes(commit))) & int.MaxValue;
    }
}
