using System.Text;
using NSubstitute;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Informers;
using Slipway.Kube.Telemetry;
using Slipway.Runner;
using static Slipway.Tests.Unit.Builds.BuildFixture;
using static Slipway.Tests.Unit.Builds.LifeFixture;

namespace Slipway.Tests.Unit.Builds;

public sealed class BuildMetricsTests
{
    private const string Farm = """namespace="builders",pool="farm" """;
    private readonly OperatorMetrics _registry = new();
    private readonly IStore<V1Alpha1BuilderPool> _pools = Substitute.For<IStore<V1Alpha1BuilderPool>>();
    private readonly BuildMetrics _metrics;

    public BuildMetricsTests()
    {
        _metrics = new BuildMetrics(_registry, _pools);
        _pools.HasSynced.Returns(true);
        _pools.List().Returns([Pool()]);
    }

    [Fact]
    public async Task Count_OverTheLifeOfABuild_CountsEachAttemptOnce()
    {
        Pass([Building, Retrying, Publishing, Done], Jobs);

        var lines = await LinesAsync();
        lines.ShouldContain(Line("attempts_total", """platform="linux/amd64",class="Succeeded" """, 1));
        lines.ShouldContain(Line("attempts_total", """platform="linux/arm64",class="Infrastructure" """, 1));
        lines.ShouldContain(Line("attempts_total", """platform="linux/arm64",class="Succeeded" """, 1));
        lines.ShouldContain(Line("retries_total", """role="build",class="Infrastructure" """, 1));
        lines.ShouldContain(Line("builds_total", """phase="Succeeded",class="" """, 1));
        lines.ShouldContain(Line("build_seconds_sum", """platform="linux/amd64",outcome="Succeeded" """, 41));
        lines.ShouldContain(Line("build_seconds_sum", """platform="linux/arm64",outcome="Failed" """, 29));
        lines.ShouldContain(Line("build_seconds_sum", """platform="linux/arm64",outcome="Succeeded" """, 60));
        lines.ShouldContain(Line("unclassified_total", "", 0));
    }

    [Fact]
    public async Task Count_WhenARestartedOperatorSeesEveryStatusAgain_CountsNothingTwice()
    {
        Pass([Building, Retrying, Publishing, Done], Jobs);
        foreach (var status in new[] { Building, Retrying, Publishing, Done }) _metrics.Count(new("builders", "farm"), BuildNews.Of(LifeFixture.Pass(status, Jobs), status));

        var lines = await LinesAsync();
        lines.Where(line => line.Contains("_total{", StringComparison.Ordinal)).Sum(line => int.Parse(line.Split(' ')[^1], null)).ShouldBe(5);
    }

    [Fact]
    public async Task Count_WhenABuildIsFoundFailed_CountsItsClass()
    {
        Pass([Building, Broken], [Job(JobRoles.Build, Amd64, 1, 10, 51), Job(JobRoles.Build, Arm64, 1, 10, 40)]);

        var lines = await LinesAsync();
        lines.ShouldContain(Line("builds_total", """phase="Failed",class="User" """, 1));
        lines.ShouldContain(Line("attempts_total", """platform="linux/arm64",class="User" """, 1));
        lines.ShouldContain(Line("build_seconds_sum", """platform="linux/arm64",outcome="Failed" """, 30));
    }

    // A failed build that may go on by itself has not ended.
    [Fact]
    public async Task Count_WhenABuildIsStalled_CountsNothing()
    {
        Pass([Building with { CompletedAt = null, Phase = Phases.Failed, Platforms = null, Failure = Failure(FailureClass.Config, Reasons.PoolNotFound) }], []);

        (await LinesAsync()).ShouldContain(Line("builds_total", """phase="Failed",class="Config" """, 0));
    }

    [Fact]
    public async Task Count_WhenABuildIsBuiltAgain_CountsTheSecondToo()
    {
        Pass([Building, Done], Jobs);
        var again = Done with { BuildKey = "another" };
        _metrics.Count(new("builders", "farm"), BuildNews.Of(LifeFixture.Pass(Done, Jobs), again));

        (await LinesAsync()).ShouldContain(Line("builds_total", """phase="Succeeded",class="" """, 2));
    }

    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 1)]
    public async Task Unclassified_WhenAnAttemptAndThenItsBuildFailUnrecognised_CountsEachAttempt(bool ofAPlatform, int expected)
    {
        var first = Lost with { Class = nameof(FailureClass.Unknown), Reason = FailureReasons.Unrecognised };
        var unknown = Failure(FailureClass.Unknown, FailureReasons.Unrecognised);
        var retrying = ofAPlatform ? Building with { FailedAttempts = [first] } : Publishing;
        var platformFailed = retrying with { Platforms = [retrying.Platforms![0], retrying.Platforms![1] with { Phase = PlatformPhases.Failed, Attempts = 2, Failure = unknown }] };
        var ended = (ofAPlatform ? platformFailed : retrying) with { Phase = Phases.Failed, Failure = unknown, CompletedAt = At(200) };
        // The build's end may come a pass later than its platform's.
        Pass(ofAPlatform ? [Building, retrying, platformFailed, ended] : [retrying, ended], []);

        (await LinesAsync()).ShouldContain(Line("unclassified_total", "", expected));
    }

    // What the Job is no more there to tell, status does.
    [Fact]
    public async Task Count_WhenTheJobsAreGone_TakesTheTimeFromStatus()
    {
        Pass([Building, Retrying], []);

        var lines = await LinesAsync();
        lines.ShouldContain(Line("build_seconds_sum", """platform="linux/amd64",outcome="Succeeded" """, 41));
        lines.ShouldContain(Line("build_seconds_count", """platform="linux/arm64",outcome="Failed" """, 0));
        lines.ShouldContain(Line("attempts_total", """platform="linux/arm64",class="Infrastructure" """, 1));
    }

    [Fact]
    public async Task Series_WhenNothingHasBeenBuilt_BeginAtZeroAndAreFew()
    {
        var series = (await LinesAsync()).Where(line => line.StartsWith("slipway_", StringComparison.Ordinal)).ToList();

        series.ShouldContain(Line("builds_total", """phase="Failed",class="Infrastructure" """, 0));
        series.ShouldContain(Line("attempts_total", """platform="linux/arm64",class="Registry" """, 0));
        series.Count.ShouldBeLessThan(150);
        series.ShouldAllBe(line => line.EndsWith(" 0", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Series_AfterManyBuilds_AreAsManyAsBefore()
    {
        Pass([Building, Retrying, Publishing, Done], Jobs);
        var before = (await LinesAsync()).Length;
        for (var build = 0; build < 100; build++) Pass([Building, Retrying, Publishing, Done], Jobs);

        (await LinesAsync()).Length.ShouldBe(before);
    }

    [Fact]
    public async Task Series_WhenThePoolIsGone_AreGoneToo()
    {
        Pass([Building, Retrying, Publishing, Done], Jobs);
        _pools.List().Returns([]);

        (await LinesAsync()).ShouldNotContain(line => line.StartsWith("slipway_", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Series_WhenAPlatformLeftThePool_AreGoneToo()
    {
        Pass([Building, Retrying, Publishing, Done], Jobs);
        _pools.List().Returns([Pool() with { Spec = Pool().Spec with { Platforms = [new PoolPlatform { Platform = Amd64 }] } }]);

        var lines = await LinesAsync();
        lines.ShouldNotContain(line => line.Contains(Arm64, StringComparison.Ordinal));
        lines.ShouldContain(Line("attempts_total", """platform="linux/amd64",class="Succeeded" """, 1));
    }

    /// <summary>One pass after another, each writing the next status.</summary>
    private void Pass(IReadOnlyList<ImageBuildStatus> statuses, IReadOnlyList<BuildJob> jobs)
    {
        ImageBuildStatus? before = null;
        foreach (var after in statuses)
        {
            _metrics.Count(new NamespacedName("builders", "farm"), BuildNews.Of(LifeFixture.Pass(before, jobs), after));
            before = after;
        }
    }

    private static string Line(string metric, string labels, int value) =>
        $"slipway_{metric}{{{Farm.Trim()}{(labels.Length > 0 ? "," : "")}{labels.Trim()}}} {value}";

    private async Task<string[]> LinesAsync()
    {
        using var stream = new MemoryStream();
        await _registry.Registry.CollectAndExportAsTextAsync(stream, TestContext.Current.CancellationToken);
        return Encoding.UTF8.GetString(stream.ToArray()).Split('\n');
    }
}
