using Slipway.Tests.Simulation;

namespace Slipway.Bench.Chapters;

/// <summary>Where builds go, by the operator's own queue in simulated time: nothing of it depends on the machine.</summary>
internal static class Placing
{
    private const int Runs = 5;
    private const int MostBuilders = 20;

    public static void Run(Report report)
    {
        report.Add("stickiness_percent", "%", Enumerable.Range(1, Runs).Select(seed => new PlacementSimulation(seed).StickinessPercent()));
        report.Add("keys_moved_ratio", "x", Enumerable.Range(1, MostBuilders).Select(builders => PlacementSimulation.KeysMovedRatio(builders)));
    }
}
