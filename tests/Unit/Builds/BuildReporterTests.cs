using k8s.Models;
using NSubstitute;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Cache;
using Slipway.Kube.Events;
using Slipway.Kube.Informers;
using Slipway.Kube.Telemetry;
using Slipway.Runner;
using Slipway.Tracing;
using static Slipway.Tests.Unit.Builds.BuildFixture;
using static Slipway.Tests.Unit.Builds.LifeFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>What people hear of a build.</summary>
public sealed class BuildReporterTests : IEventRecorder, ISpanExporter
{
    private readonly List<RecordedEvent> _events = [];
    private readonly List<IReadOnlyList<Span>> _traces = [];
    private readonly BuildReporter _reporter;

    public BuildReporterTests() => _reporter = new BuildReporter(this, new BuildMetrics(new OperatorMetrics(), Substitute.For<IStore<V1Alpha1BuilderPool>>()), this);

    void IEventRecorder.Record(RecordedEvent happened) => _events.Add(happened);

    void ISpanExporter.Export(IReadOnlyList<Span> trace) => _traces.Add(trace);

    [Fact]
    public void Report_WhenAnAttemptIsFollowedByAnother_SaysSoWithoutAnyLog()
    {
        _reporter.Report(Pass(Building, Jobs), Retrying);

        var told = _events.ShouldHaveSingleItem();
        (told.Type, told.Reason, told.Regarding.Name).ShouldBe((EventType.Warning, FailureReasons.BuilderLost, "hello"));
        told.Message.ShouldBe("Attempt 1 to build linux/arm64 on farm-linux-arm64-0 failed (Infrastructure) and is tried again.");
    }

    [Theory]
    [InlineData(JobRoles.Prepare, "Attempt 2 to look the revision up failed (Registry) and is tried again.")]
    [InlineData(JobRoles.Publish, "Attempt 2 to publish failed (Registry) and is tried again.")]
    public void Report_WhenPrepareOrPublishIsTriedAgain_SaysWhat(string role, string message)
    {
        _reporter.Report(Pass(Building), Building with { FailedAttempts = [new FailedAttempt { Role = role, Attempt = 2, Class = nameof(FailureClass.Registry), Reason = FailureReasons.RegistryUnavailable }] });

        _events.ShouldHaveSingleItem().Message.ShouldBe(message);
    }

    /// <summary>A third that is not cached is an ordinary change; of few steps one is much.</summary>
    [Theory]
    [InlineData("0.92", 12, 1, true, "1 of 12 steps of linux/amd64 came from cache; of the last build of this scope it were 92 %.")]
    [InlineData("0.92", 12, 1, false, "1 of 12 steps of linux/amd64 came from cache; of the last build of this scope it were 92 %. The remote cache of this scope was not there.")]
    [InlineData("0.92", 12, 8, true, null)]
    [InlineData("1.00", 3, 0, true, null)]
    [InlineData(null, 12, 0, false, null)]
    public void Report_WhenTheHitRatioFallsSharply_SaysSo(string? before, int steps, int cached, bool imported, string? message)
    {
        var entry = new CacheEntry { Namespace = "team-a", Scope = "x", Platform = Amd64, LastUsed = Now, Ratio = before };
        var built = Building with { Platforms = [Succeeded(Running(Amd64, 10, 1), "41s") with { Cache = new CacheStatus { Steps = steps, Cached = cached, Imported = imported } }, Running(Arm64, 10, 1)] };

        _reporter.Report(Pass(Building) with { Caches = new Dictionary<string, CacheEntry> { [Amd64] = entry } }, built);

        _events.Where(told => told.Reason == Reasons.CacheHitRatioFell).Select(told => told.Message).ShouldBe(message is null ? [] : [message]);
    }

    [Fact]
    public void Report_WhenNothingHasChanged_TellsNothing()
    {
        foreach (var status in new[] { Building, Retrying, Publishing, Done }) _reporter.Report(Pass(status, Jobs), status);
        // An edit moves the generation alone.
        _reporter.Report(Pass(Done, Jobs), Done with { ObservedGeneration = 7 });

        _events.ShouldBeEmpty();
        _traces.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(Reasons.Cancelled, "Normal")]
    [InlineData(Reasons.Superseded, "Normal")]
    [InlineData(FailureReasons.RunStepFailed, "Warning")]
    public void Report_WhenABuildEndsUnready_WarnsUnlessSomebodyAskedForIt(string reason, string type)
    {
        _reporter.Report(Pass(Building), Broken with { Conditions = [new V1Condition { Type = Conditions.Ready, Status = Conditions.False, Reason = reason, Message = "It has ended." }] });

        var told = _events.ShouldHaveSingleItem();
        (told.Type.ToString(), told.Reason).ShouldBe((type, reason));
    }

    [Fact]
    public void Report_WhenABuildEnds_ExportsItsTraceOnce()
    {
        _reporter.Report(Pass(Publishing, Jobs), Done);
        _reporter.Report(Pass(Done, Jobs), Done);

        _traces.ShouldHaveSingleItem()[0].Name.ShouldBe("ImageBuild team-a/hello");
    }

    [Fact]
    public void Report_WhenNobodyTakesTraces_TellsTheRest()
    {
        var reporter = new BuildReporter(this, new BuildMetrics(new OperatorMetrics(), Substitute.For<IStore<V1Alpha1BuilderPool>>()));

        reporter.Report(Pass(Building, Jobs), Broken with { Conditions = [new V1Condition { Type = Conditions.Ready, Status = Conditions.False, Reason = FailureReasons.RunStepFailed, Message = "m" }] });

        _events.Count.ShouldBe(1);
    }
}
