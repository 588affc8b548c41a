using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public class BuilderWatchTests
{
    private readonly BuilderWatch _watch = new();

    [Fact]
    public void Observe_WhenThreeAnswersInARowAreMissing_GivesUp() => Observe("...").ShouldBe([false, false, true]);

    [Fact]
    public void Observe_WhenOneAnswerIsLate_DoesNotCountIt() => Observe("..a..a.").ShouldAllBe(gone => !gone);

    [Fact]
    public void Observe_WhenQuietButThere_NeverGivesUp() => Observe(new string('a', 1000)).ShouldAllBe(gone => !gone);

    private List<bool> Observe(string answers) => [.. answers.Select(answer => _watch.Observe(answer == 'a'))];
}
