using Microsoft.Extensions.Time.Testing;
using Slipway.Api;
using Slipway.Builds;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>Who puts tags in the moments before any store shows it.</summary>
public sealed class TagTurnsTests
{
    private readonly FakeTimeProvider _time = new(Now);
    private readonly TagTurns _turns;

    public TagTurnsTests() => _turns = new TagTurns(_time);

    [Fact]
    public void TakenBy_WhenAnotherBuildHasTheTurn_IsThatOneUntilItLeaves()
    {
        var (one, other) = (Named("one"), Named("other"));

        _turns.TakenBy(one).ShouldBeNull();
        _turns.TakenBy(other).ShouldBe("one");
        _turns.Leave(one);
        _turns.TakenBy(other).ShouldBeNull();
    }

    [Fact]
    public void IsHeldBy_WhenTheTurnIsTaken_IsSoForThatBuildAsItIs()
    {
        var one = Named("one");
        _turns.IsHeldBy(one).ShouldBeFalse();
        _turns.TakenBy(one);

        _turns.IsHeldBy(one).ShouldBeTrue();
        _turns.IsHeldBy(one with { Spec = one.Spec with { Cancel = true } }).ShouldBeTrue();
        _turns.IsHeldBy(one.Edited(spec => spec with { Rerun = "2" })).ShouldBeFalse();
        _turns.IsHeldBy(Named("other")).ShouldBeFalse();
    }

    [Fact]
    public void IsHeldBy_WhenEveryStoreHasToShowTheJobByNow_IsNoMore()
    {
        var one = Named("one");
        _turns.TakenBy(one);

        _time.Advance(JobResult.StoreLag);

        _turns.IsHeldBy(one).ShouldBeFalse();
    }

    private static V1Alpha1ImageBuild Named(string name)
    {
        var build = Build();
        (build.Metadata.Name, build.Metadata.Uid) = (name, name);
        return build;
    }
}
