using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Cache;
using Slipway.Runner;
using Slipway.Scheduling;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>The digest first, the cache later: a Job that is done and still writes the cache.</summary>
public sealed class CacheAfterBuildTests
{
    private static readonly CacheExportResult Written = new() { Written = true };
    private static readonly CacheExportResult NotWritten = new() { Problem = new CacheProblem(CacheProblemKind.NotWritten, "The bucket is full.") };

    [Fact]
    public void Plan_WhileTheCacheIsWritten_DoesNotWaitForIt()
    {
        var (snapshot, amd64, arm64) = BothRunning();

        var plan = BuildPlanner.Plan(snapshot.Replace(amd64.RunnerEnded(Pushed("a"))).Replace(arm64.RunnerEnded(Pushed("b"))));

        plan.Status.Phase.ShouldBe(Phases.Publishing);
        plan.Creates.ShouldHaveSingleItem().Metadata.Labels[SlipwayApi.RoleLabel].ShouldBe(JobRoles.Publish);
        plan.Deletes.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_WhenTheBuildHasSucceeded_LeavesTheJobThatWritesTheCache()
    {
        var snapshot = Succeeded(Pushed("a", published: true));

        var plan = BuildPlanner.Plan(snapshot);
        var later = BuildPlanner.Plan(snapshot.Later(TimeSpan.FromMinutes(12)));

        snapshot.Build.Status!.Phase.ShouldBe(Phases.Succeeded);
        plan.Deletes.ShouldBeEmpty();
        later.Deletes.ShouldBeEmpty("a builder still writes");
        later.MaterialsToDelete.ShouldBe(BuildMaterials.None);
        BuildPlanner.Plan(snapshot.Replace(snapshot.Jobs[0].Ended(Pushed("a", published: true), Written)).Later(TimeSpan.FromMinutes(12))).Deletes.Count.ShouldBe(1);
    }

    [Fact]
    public void Plan_WhenTheObjectsTimeIsOver_WaitsForTheCache()
    {
        var snapshot = Succeeded(Pushed("a", published: true));
        snapshot = snapshot with { Build = snapshot.Build with { Spec = snapshot.Build.Spec with { TtlAfterFinished = "0s" } } };

        var plan = BuildPlanner.Plan(snapshot.Later(TimeSpan.FromSeconds(5)));

        plan.DeleteBuild.ShouldBeFalse();
        plan.RequeueAfter.ShouldNotBe(TimeSpan.Zero, "the end of its pod brings a pass");
        BuildPlanner.Plan(snapshot.Replace(snapshot.Jobs[0].Ended(Pushed("a", published: true), Written)).Later(TimeSpan.FromSeconds(5))).DeleteBuild.ShouldBeTrue();
    }

    [Fact]
    public void Plan_WhenItIsToBeBuiltAgain_LetsTheCacheOfTheOneBeforeBeWritten()
    {
        var snapshot = Succeeded(Pushed("a", published: true));
        var again = snapshot with { Build = snapshot.Build.Edited(spec => spec with { Rerun = "again" }), Slots = new Dictionary<string, SlotAnswer>() };

        var plan = BuildPlanner.Plan(again);

        plan.Deletes.ShouldBeEmpty();
        plan.SlotRequests.ShouldHaveSingleItem().BuildKey.ShouldBe(again.BuildKey);
        plan.Status.Conditions!.Single(condition => condition.Type == Conditions.Reconciling).Reason.ShouldNotBe(Reasons.ReplacingOlder);
    }

    [Fact]
    public void Plan_WhenABuildIsCancelled_EndsTheJobThatWritesItsCacheToo()
    {
        var (snapshot, amd64, _) = BothRunning();
        var writing = snapshot.Replace(amd64.RunnerEnded(Pushed("a")));

        var plan = BuildPlanner.Plan(writing with { Build = writing.Build with { Spec = writing.Build.Spec with { Cancel = true } } });

        plan.Deletes.Count.ShouldBe(2);
    }

    [Fact]
    public void Plan_WhenTheCacheIsWritten_WritesNoStatusForIt()
    {
        var snapshot = Succeeded(Pushed("a", published: true));

        var plan = BuildPlanner.Plan(snapshot.Replace(snapshot.Jobs[0].Ended(Pushed("a", published: true), Written)).Later(TimeSpan.FromSeconds(20)));

        k8s.KubernetesJson.Serialize(plan.Status).ShouldBe(k8s.KubernetesJson.Serialize(snapshot.Build.Status));
    }

    [Fact]
    public void Plan_WhenTheCacheCouldNotBeWritten_TellsAndFailsNothing()
    {
        var snapshot = Succeeded(Pushed("a", published: true));

        var told = snapshot.Replace(snapshot.Jobs[0].Ended(Pushed("a", published: true), NotWritten));
        var plan = BuildPlanner.Plan(told.Later(TimeSpan.FromSeconds(20)));
        var next = BuildPlanner.Plan(told.After(plan).Later(TimeSpan.FromSeconds(40)));

        plan.Status.Phase.ShouldBe(Phases.Succeeded);
        Healthy(plan.Status).ShouldBe(("False", Reasons.CacheNotWritten));
        plan.Status.Platforms![0].Cache!.Problem!.Message.ShouldBe("The bucket is full.");
        plan.Status.Status(Conditions.Ready).ShouldBe("True");
        k8s.KubernetesJson.Serialize(next.Status).ShouldBe(k8s.KubernetesJson.Serialize(plan.Status), "it is told once");
    }

    [Theory]
    [InlineData(nameof(CacheProblemKind.Broken), true, "True", Reasons.CacheRepaired)]
    [InlineData(nameof(CacheProblemKind.Broken), false, "False", Reasons.CacheBroken)]
    [InlineData(nameof(CacheProblemKind.Unreadable), true, "True", Reasons.CacheRepaired)]
    [InlineData(nameof(CacheProblemKind.Unreadable), false, "False", Reasons.CacheUnreadable)]
    public void Plan_WhenTheCacheHadTrouble_TellsHowItEnded(string kind, bool written, string status, string reason)
    {
        var pushed = Pushed("a", published: true);
        pushed = pushed with { Cache = pushed.Cache! with { Problem = new CacheProblem(Enum.Parse<CacheProblemKind>(kind), "A part of it is gone.") } };
        var snapshot = Succeeded(pushed);

        var told = snapshot.Replace(snapshot.Jobs[0].Ended(pushed, written ? Written : NotWritten));
        var plan = BuildPlanner.Plan(told.Later(TimeSpan.FromSeconds(20)));
        var next = BuildPlanner.Plan(told.After(plan).Later(TimeSpan.FromSeconds(40)));

        Healthy(snapshot.Build.Status!).Status.ShouldBe("False", "it is not mended before it is written");
        Healthy(plan.Status).ShouldBe((status, reason));
        plan.Status.Platforms![0].Cache!.Problem!.Message.ShouldBe(written ? "A part of it is gone. It is written afresh." : "A part of it is gone. The bucket is full.");
        k8s.KubernetesJson.Serialize(next.Status).ShouldBe(k8s.KubernetesJson.Serialize(plan.Status), "it is told once");
    }

    /// <summary>Whose part was gone nobody knows: what is written afresh is the build's own, and another's would stay as it is.</summary>
    [Fact]
    public void Plan_WhenACacheHadTroubleAndOthersAreRead_DoesNotSayThatItIsRepaired()
    {
        var pushed = Pushed("a", published: true);
        pushed = pushed with { Cache = pushed.Cache! with { Problem = new CacheProblem(CacheProblemKind.Broken, "A part of it is gone.") } };
        var snapshot = Succeeded(pushed, new BuildCache { Import = [new CacheSource { Scope = "main" }] });

        var told = snapshot.Replace(snapshot.Jobs[0].Ended(pushed, Written));
        var plan = BuildPlanner.Plan(told.Later(TimeSpan.FromSeconds(20)));
        var next = BuildPlanner.Plan(told.After(plan).Later(TimeSpan.FromSeconds(40)));

        Healthy(plan.Status).ShouldBe(("False", Reasons.CacheBroken));
        plan.Status.Platforms![0].Cache!.Problem!.Message.ShouldBe("A part of it is gone. The build's own is written afresh.");
        k8s.KubernetesJson.Serialize(next.Status).ShouldBe(k8s.KubernetesJson.Serialize(plan.Status), "it is told once");
    }

    /// <summary>The container that would write its cache ends by itself in a moment; a Job that is deleted for it takes its log along.</summary>
    [Fact]
    public void Plan_WhenTheBuildHasFailedAndItsPodHasNotEnded_GoesOnAndLeavesItThatMoment()
    {
        var (snapshot, amd64, _) = BothRunning();
        var closing = snapshot.Replace(amd64.RunnerEnded(Failed(FailureClass.Infrastructure, FailureReasons.BuilderLost)));

        var plan = BuildPlanner.Plan(closing);
        var next = BuildPlanner.Plan(closing.After(plan).Later(TimeSpan.FromMinutes(1)));

        plan.Status.FailedAttempts.ShouldHaveSingleItem().Reason.ShouldBe(FailureReasons.BuilderLost);
        plan.Deletes.ShouldBeEmpty();
        next.SlotRequests.ShouldHaveSingleItem().Attempt.ShouldBe(2);
        next.Deletes.ShouldBeEmpty();
    }

    /// <summary>The build is there, and only writing its cache went wrong when the other platform failed.</summary>
    [Fact]
    public void Plan_WhenPublishingFailsWhileACacheIsWritten_LeavesItThat()
    {
        var snapshot = Snapshot(OfCommit(Amd64)).Granted(Amd64);
        var running = snapshot.After(BuildPlanner.Plan(snapshot)) with { Slots = new Dictionary<string, SlotAnswer>() };
        var failed = running.Replace(running.Jobs[0].RunnerEnded(Failed(FailureClass.Config, FailureReasons.RegistryUnauthorized)));

        var plan = BuildPlanner.Plan(failed);

        plan.Status.Phase.ShouldBe(Phases.Failed);
        plan.Deletes.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("no result")]
    [InlineData("killed")]
    public void Plan_WhenTheCacheWriterLeftNoResult_SaysThatTheCacheIsNotWritten(string how)
    {
        var snapshot = Succeeded(Pushed("a", published: true));
        var job = snapshot.Jobs[0].Ended(Pushed("a", published: true), new CacheExportResult { Problem = new CacheProblem(CacheProblemKind.NotWritten, new string('x', 5000)) });
        if (how == "killed") (job.Pods[0].Status.Phase, job.Pods[0].Status.ContainerStatuses[1].State.Terminated) = ("Failed", new V1ContainerStateTerminated { ExitCode = 137, Reason = "OOMKilled" });

        var plan = BuildPlanner.Plan(snapshot.Replace(job).Later(TimeSpan.FromSeconds(20)));

        plan.Status.Phase.ShouldBe(Phases.Succeeded);
        Healthy(plan.Status).ShouldBe(("False", Reasons.CacheNotWritten));
        if (how == "killed") plan.Status.Platforms![0].Cache!.Problem!.Message!.ShouldContain("137 (OOMKilled)");
    }

    /// <summary>The condition would have nothing to stand on.</summary>
    [Fact]
    public void Plan_WhenThePoolIsGoneWhenTheCacheCouldNotBeWritten_StillEnds()
    {
        var snapshot = Succeeded(Pushed("a", published: true));
        var told = snapshot.Replace(snapshot.Jobs[0].Ended(Pushed("a", published: true), NotWritten)) with { Pool = null };

        var plan = BuildPlanner.Plan(told.Later(TimeSpan.FromSeconds(20)));

        plan.Status.Phase.ShouldBe(Phases.Succeeded);
        plan.Status.Platforms![0].Cache!.Problem!.Message.ShouldBe("The bucket is full.");
    }

    /// <summary>It ends while the new one runs: that holds the new one up no moment, and nothing of the old one stays.</summary>
    [Fact]
    public void Plan_WhenTheOldJobHasWrittenItsCacheWhileTheNewOneRuns_DeletesItAlone()
    {
        var snapshot = Succeeded(Pushed("a", published: true));
        var again = snapshot with { Build = snapshot.Build.Edited(spec => spec with { Rerun = "again" }), Slots = new Dictionary<string, SlotAnswer>() };
        var queued = again.After(BuildPlanner.Plan(again)).Granted(Amd64);
        var running = queued.After(BuildPlanner.Plan(queued)) with { Slots = new Dictionary<string, SlotAnswer>() };
        running.Jobs.Count.ShouldBe(2);

        var written = running.Replace(running.Jobs[0].Ended(Pushed("a", published: true), Written));
        var plan = BuildPlanner.Plan(written);

        plan.Deletes.ShouldHaveSingleItem().Name.ShouldBe(running.Jobs[0].Name);
        plan.Status.Phase.ShouldBe(Phases.Building);
        plan.Status.Conditions!.Single(condition => condition.Type == Conditions.Reconciling).Reason.ShouldNotBe(Reasons.ReplacingOlder);
    }

    [Fact]
    public void Plan_WhenAPlatformIsBuiltAndItsCacheWritten_TellsTheLedgerOfBoth()
    {
        var snapshot = Snapshot(OfCommit(Amd64)).Granted(Amd64);
        var running = snapshot.After(BuildPlanner.Plan(snapshot)) with { Slots = new Dictionary<string, SlotAnswer>() };
        var writing = running.Replace(running.Jobs[0].RunnerEnded(Pushed("a", published: true)));
        var built = BuildPlanner.Plan(writing);
        var after = writing.After(built);
        var written = BuildPlanner.Plan(after.Replace(after.Jobs[0].Ended(Pushed("a", published: true), Written)));

        var read = built.CacheUses.ShouldHaveSingleItem();
        (read.Namespace, read.Scope, read.Platform, read.Exported).ShouldBe(("team-a", "registry.example.com/team-a/hello", Amd64, false));
        read.Ratio.ShouldNotBeNull().ShouldBe(11 / 12.0);
        BuildPlanner.Plan(after).CacheUses.ShouldBe([read], "told again after a crash, it is noted once");
        written.CacheUses.Select(use => use.Exported).ShouldBe([false, true]);
    }

    [Fact]
    public void Plan_WhenABuildReadsAnothersCache_TellsTheLedgerThatItIsInUse()
    {
        var build = OfCommit(Amd64);
        var snapshot = Snapshot(build with { Spec = build.Spec with { Cache = new BuildCache { Import = [new CacheSource { Scope = "main", Namespace = "ci" }] } } }).Granted(Amd64);
        var running = snapshot.After(BuildPlanner.Plan(snapshot));

        var uses = BuildPlanner.Plan(running.Replace(running.Jobs[0].Ended(Pushed("a", published: true)))).CacheUses;

        uses.Select(use => (use.Namespace, use.Scope)).ShouldBe([("team-a", "registry.example.com/team-a/hello"), ("ci", "main")]);
        uses[1].Ratio.ShouldBeNull();
    }

    /// <summary>A hot cache is written before half of its time is over, whatever the builds find in it.</summary>
    [Theory]
    [InlineData("OnMiss", null, 0, true)]
    [InlineData("OnMiss", null, 7, false)]
    [InlineData("Always", "OnMiss", 0, true)]
    [InlineData("Always", null, 0, false)]
    [InlineData("OnMiss", null, -1, false)]
    public void Job_OfABuildThatExportsOnMiss_IsToldSoAsLongAsTheLastExportIsFresh(string pool, string? build, int days, bool onMiss)
    {
        var entry = new CacheEntry { Namespace = "team-a", Scope = "x", Platform = Amd64, LastUsed = Now, LastExport = days < 0 ? null : Now.AddDays(-days) };
        var wanted = OfCommit(Amd64);
        var snapshot = Snapshot(wanted with { Spec = wanted.Spec with { Cache = new BuildCache { Export = build } } }) with
        {
            Pool = Pool() with { Spec = Pool().Spec with { Cache = Pool().Spec.Cache! with { Export = pool } } },
            Caches = new Dictionary<string, CacheEntry> { [Amd64] = entry },
        };

        var job = BuildPlanner.Plan(snapshot.Granted(Amd64)).Creates.ShouldHaveSingleItem();

        RunnerJson.Deserialize<BuildDescription>(job.Spec.Template.Spec.Containers[0].Args[2]).ExportOnMissOnly.ShouldBe(onMiss);
    }

    private static (string Status, string Reason) Healthy(ImageBuildStatus status)
    {
        var condition = status.Conditions!.Single(candidate => candidate.Type == Conditions.CacheHealthy);
        return (condition.Status, condition.Reason);
    }

    /// <summary>A build of one platform that has succeeded, while its cache is being written.</summary>
    private static BuildSnapshot Succeeded(RunResult result, BuildCache? cache = null)
    {
        var build = OfCommit(Amd64);
        var snapshot = Snapshot(build with { Spec = build.Spec with { Cache = cache ?? build.Spec.Cache } }).Granted(Amd64);
        var running = snapshot.After(BuildPlanner.Plan(snapshot)) with { Slots = new Dictionary<string, SlotAnswer>() };
        var writing = running.Replace(running.Jobs[0].RunnerEnded(result));
        return writing.After(BuildPlanner.Plan(writing));
    }
}
