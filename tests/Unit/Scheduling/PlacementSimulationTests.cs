using Slipway.Tests.Simulation;

namespace Slipway.Tests.Unit.Scheduling;

public sealed class PlacementSimulationTests
{
    // 10,000 scopes that build ten times each, on ten builders of four slots; what else is assumed stands at the simulation.
    [Fact]
    public void Scopes_WhenBuildersStayAndHalfOfTheSlotsAreTaken_ReturnToTheirBuilder() =>
        new PlacementSimulation(seed: 1).StickinessPercent().ShouldBeGreaterThanOrEqualTo(99);

    [Fact]
    public void Scopes_WhenABuilderIsAdded_MoveNoMoreThanItsShare()
    {
        for (var builders = 1; builders <= 20; builders++) PlacementSimulation.KeysMovedRatio(builders).ShouldBeInRange(0.8, 1.2, $"from {builders} builders");
    }
}
