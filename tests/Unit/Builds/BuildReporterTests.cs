using k8s.Models;
using NSubstitute;
using Slipway.Api;
using Slipway.Builds;
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
