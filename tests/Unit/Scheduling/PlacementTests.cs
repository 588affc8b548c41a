using System.Globalization;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Scheduling;

public sealed class PlacementTests
{
    [Fact]
    public void Choose_WhenNothingChanges_SendsAScopeToTheSameBuilder() =>
        Placement.Choose("team/app", Builders(5), _ => true)!.Name.ShouldBe(Placement.Choose("team/app", Builders(5).Reverse(), _ => true)!.Name);

    [Fact]
    public void Choose_WhenTheBestIsFull_SpillsOver()
    {
        var best = Placement.Choose("team/app", Builders(3), _ => true)!;

        Placement.Choose("team/app", Builders(3), builder => builder.Name != best.Name).ShouldNotBeNull().Name.ShouldNotBe(best.Name);
    }

    [Fact]
    public void Choose_WhenAllAreFull_IsNull() => Placement.Choose("team/app", Builders(3), _ => false).ShouldBeNull();

    [Fact]
    public void Choose_WhenABuilderIsAdded_MovesFewScopes()
    {
        var scopes = Enumerable.Range(0, 2000).Select(number => number.ToString(CultureInfo.InvariantCulture)).ToList();

        var moved = scopes.Count(scope => Placement.Choose(scope, Builders(4), _ => true)!.Name != Placement.Choose(scope, Builders(5), _ => true)!.Name);

        ((double)moved / scopes.Count).ShouldBeInRange(0.1, 1.2 / 5);
    }

    private static IEnumerable<Builder> Builders(int count) => Enumerable.Range(0, count)
        .Select(ordinal => new Builder { Name = $"farm-{ordinal}", Uid = $"uid-{ordinal}", Ordinal = ordinal, ServerName = "", Ready = true, Draining = false, Address = "tcp://198.18.0.1:1234" }).ToList();
}
