using Slipway.Builds;

namespace Slipway.Tests.Unit.Builds;

/// <summary>A GitOps tool applies the same object again and again, for a month: it is built once.</summary>
public sealed class ResyncTests
{
    private const int Minutes = 10;
    private const int Day = 24 * 60;

    private static readonly string[] OneBuild = ["build linux/amd64", "build linux/arm64", "prepare", "publish"];

    [Theory]
    [InlineData(Day)]
    [InlineData(Minutes)]
    public void Resync_ForThirtyDaysWithRestartsBetween_MakesOneBuild(int restartsEvery)
    {
        var world = new ResyncWorld();

        Play(world, restartsEvery);

        world.Created.Order(StringComparer.Ordinal).ShouldBe(OneBuild);
        world.Build.Status!.Phase.ShouldBe(Phases.Succeeded);
        world.Jobs.ShouldBeEmpty("ten minutes after the end nobody needs them");
        world.Syncs.ShouldBe(30 * Day / Minutes);
    }

    [Theory]
    [InlineData(Day)]
    [InlineData(Minutes)]
    public void Resync_OfABuildThatFailed_DoesNotTryItAgain(int restartsEvery)
    {
        var world = new ResyncWorld { Fails = true };

        Play(world, restartsEvery);

        world.Created.Order(StringComparer.Ordinal).ShouldBe(OneBuild.Except(["publish"]));
        world.Build.Status!.Phase.ShouldBe(Phases.Failed);
        world.Jobs.ShouldBeEmpty("a day after the end nobody needs them");
    }

    // Fields that decide nothing raise the generation as well.
    [Fact]
    public void Resync_WithAnotherTimeoutEveryDay_MakesOneBuild()
    {
        var world = new ResyncWorld();

        Play(world, Day, day => world.Edit(spec => spec with { Timeout = $"{60 + day}m" }));

        world.Created.Order(StringComparer.Ordinal).ShouldBe(OneBuild);
        (world.Build.Metadata.Generation, world.Build.Status!.ObservedGeneration).ShouldBe((31, 31));
    }

    [Fact]
    public void Resync_WithAnotherRevisionOnce_MakesASecondBuild()
    {
        var world = new ResyncWorld();

        Play(world, Day, day =>
        {
            if (day == 15) world.Edit(spec => spec with { Source = spec.Source with { Git = spec.Source.Git! with { Revision = "v2" } } });
        });

        world.Created.Order(StringComparer.Ordinal).ShouldBe(OneBuild.SelectMany(job => new[] { job, job }));
    }

    private static void Play(ResyncWorld world, int restartsEvery, Action<int>? daily = null)
    {
        for (var minute = 0; minute < 30 * Day; minute += Minutes)
        {
            if (minute % restartsEvery == 0) world.Restart();
            if (minute % Day == 0) daily?.Invoke(minute / Day);
            world.Sync();
            world.Run(TimeSpan.FromMinutes(Minutes));
        }
    }
}
