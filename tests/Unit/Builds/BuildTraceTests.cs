using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;
using Slipway.Tracing;
using static Slipway.Tests.Unit.Builds.BuildFixture;
using static Slipway.Tests.Unit.Builds.LifeFixture;

namespace Slipway.Tests.Unit.Builds;

public sealed class BuildTraceTests
{
    [Fact]
    public void Of_WhenABuildSucceeded_HasASpanForEachWaitAndAttemptBelowOneRoot()
    {
        var spans = BuildTrace.Of(Pass(Publishing, Jobs), Done);

        spans.Select(span => $"{Seconds(span.Start)}-{Seconds(span.End)} {span.Name}").ShouldBe(
        [
            "0-131 ImageBuild team-a/hello", "1-5 prepare", "6-10 queued linux/amd64", "6-10 queued linux/arm64", "10-51 build linux/amd64 attempt 1",
            "10-39 build linux/arm64 attempt 1", "60-120 build linux/arm64 attempt 2", "121-130 publish",
        ], ignoreOrder: true);
        spans.Select(span => span.Context.TraceId).Distinct().ShouldHaveSingleItem();
        spans.Select(span => span.Context.SpanId).ShouldBeUnique();
        spans[0].ParentSpanId.ShouldBeNull();
        spans.Skip(1).ShouldAllBe(span => span.ParentSpanId == spans[0].Context.SpanId);
    }

    [Fact]
    public void Of_WhenABuildSucceeded_SaysWhatItIsInOpenTelemetrysWords()
    {
        var spans = BuildTrace.Of(Pass(Publishing, Jobs), Done);

        var root = Attributes(spans[0]);
        root["cicd.pipeline.name"].ShouldBe("team-a/hello");
        root["cicd.pipeline.result"].ShouldBe("success");
        root["oci.manifest.digest"].ShouldBe(Digest("index"));
        root["vcs.ref.head.revision"].ShouldBe(Commit);
        root["container.image.tags"].ShouldBe("1.0 latest");
        root["slipway.pool"].ShouldBe("builders/farm");
        spans[0].Error.ShouldBeNull();
        var lost = spans.Single(span => span.Name == "build linux/arm64 attempt 1");
        lost.Error.ShouldBe("Infrastructure: BuilderLost");
        Attributes(lost)["error.type"].ShouldBe("BuilderLost");
        Attributes(lost)["cicd.worker.name"].ShouldBe("farm-linux-arm64-0");
        Attributes(lost)["cicd.pipeline.task.run.result"].ShouldBe("error");
        Attributes(spans.Single(span => span.Name == "build linux/arm64 attempt 2"))["cicd.worker.name"].ShouldBe("farm-linux-arm64-1");
    }

    // A Job is told its span's context before the span is there, and whoever leads later exports that one.
    [Fact]
    public void TraceParent_OfAnAttempt_IsTheContextOfTheSpanThatIsExported()
    {
        var uid = Build().Metadata.Uid;
        var span = BuildTrace.Of(Pass(Publishing, Jobs), Done).Single(span => span.Name == "build linux/arm64 attempt 2");

        var told = BuildTrace.TraceParent(uid, Key, JobRoles.Build, Arm64, 2);

        told.ShouldBe($"00-{span.Context.TraceId}-{span.Context.SpanId}-01");
        told.ShouldMatch("^00-[0-9a-f]{32}-[0-9a-f]{16}-01$");
        new[] { BuildTrace.TraceParent(uid, Key, JobRoles.Build, Arm64, 1), BuildTrace.TraceParent(uid, "other", JobRoles.Build, Arm64, 2), BuildTrace.TraceParent("other", Key, JobRoles.Build, Arm64, 2) }
            .ShouldNotContain(told);
    }

    [Theory]
    [InlineData(nameof(FailureClass.User), "failure", "User: It")]
    [InlineData(nameof(FailureClass.Infrastructure), "error", "Infrastructure: It")]
    [InlineData(nameof(FailureClass.Timeout), "timeout", "Timeout: It")]
    [InlineData(nameof(FailureClass.Cancelled), "cancellation", null)]
    public void Of_WhenABuildFailed_SaysTheClassAndNothingOfTheLog(string name, string result, string? error)
    {
        var failure = Enum.Parse<FailureClass>(name);
        var ended = Broken with { Failure = Failure(failure, "It"), Platforms = [Broke(Running(Arm64, 10, 1), failure, "It")] };

        var spans = BuildTrace.Of(Pass(Building, Job(JobRoles.Build, Arm64, 1, 10, 40)), ended);

        Attributes(spans[0])["cicd.pipeline.result"].ShouldBe(result);
        spans.Where(span => !span.Name.StartsWith("queued", StringComparison.Ordinal)).ShouldAllBe(span => span.Error == error);
        System.Text.Encoding.UTF8.GetString(OtlpJson.Request(spans, new Dictionary<string, string>())).ShouldNotContain("hunter2");
    }

    [Fact]
    public void Of_WhenTheJobsAreGone_TellsWhatStatusHolds()
    {
        var spans = BuildTrace.Of(Pass(Publishing), Done);

        spans.Select(span => $"{Seconds(span.Start)}-{Seconds(span.End)} {span.Name}").ShouldBe(
        [
            "0-131 ImageBuild team-a/hello", "6-10 queued linux/amd64", "10-51 build linux/amd64 attempt 1",
            "40-40 build linux/arm64 attempt 1", "60-120 build linux/arm64 attempt 2",
        ], ignoreOrder: true);
    }

    [Fact]
    public void Of_WhenABuildEndsInTheQueue_TellsHowLongItHasWaited()
    {
        var queued = new ImageBuildStatus
        {
            BuildKey = Key,
            Phase = Phases.Queued,
            RequestedAt = At(0),
            Platforms = [new PlatformBuildStatus { Platform = Amd64, Phase = PlatformPhases.Queued }],
            Queue = new QueueStatus { Since = At(2) },
        };
        var ended = queued with { Queue = null, Phase = "Cancelled", CompletedAt = At(30), Failure = Failure(FailureClass.Cancelled, Reasons.Cancelled), Platforms = [queued.Platforms![0] with { Phase = PlatformPhases.Cancelled }] };

        var spans = BuildTrace.Of(Pass(queued), ended);

        spans.Select(span => $"{Seconds(span.Start)}-{Seconds(span.End)} {span.Name}").ShouldBe(["0-30 ImageBuild team-a/hello", "2-30 queued linux/amd64"]);
    }

    // Clocks of nodes and API server differ.
    [Fact]
    public void Of_WhenAJobEndsBeforeItBegan_HasNoSpanOfNegativeLength()
    {
        var spans = BuildTrace.Of(Pass(Publishing, Job(JobRoles.Build, Amd64, 1, 10, 8)), Done with { RequestedAt = At(500) });

        spans.ShouldAllBe(span => span.End >= span.Start);
    }

    private static int Seconds(DateTimeOffset time) => (int)(time - Now).TotalSeconds;

    private static Dictionary<string, string> Attributes(Span span) =>
        span.Attributes.ToDictionary(attribute => attribute.Name, attribute => attribute.Number?.ToString() ?? string.Join(' ', attribute.Texts));
}
