using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>Cancelled, superseded, overtaken, out of time, and gone.</summary>
public sealed class EndingTests
{
    [Fact]
    public void Plan_WhenCancelled_EndsItsJobsBeforeItSaysSo()
    {
        var (running, _, _) = BothRunning();
        var cancelled = Cancelled(running);

        var first = BuildPlanner.Plan(cancelled);
        var (plan, _, deleted) = cancelled.SettledWith();

        first.Deletes.Count.ShouldBe(2);
        first.Status.Phase.ShouldBe(Phases.Building);
        first.Status.Conditions!.Single(condition => condition.Type == Conditions.Reconciling).Reason.ShouldBe(Reasons.Ending);
        first.Status.CompletedAt.ShouldBeNull();
        deleted.Count.ShouldBe(2);
        plan.Status.Phase.ShouldBe(Phases.Cancelled);
        plan.Status.Failure!.Class.ShouldBe("Cancelled");
        plan.Status.FailedAttempts.ShouldBeNull();
        plan.Status.Platforms!.ShouldAllBe(platform => platform.Phase == PlatformPhases.Cancelled && platform.Attempts == 1);
        plan.Status.Status(Conditions.Ready).ShouldBe("False");
        plan.Status.Status(Conditions.Stalled).ShouldBe("True");
        plan.Status.Status(Conditions.Complete).ShouldBe("True");
    }

    // They are gone one after the other, and tell how they were ended.
    [Fact]
    public void Plan_WhileACancelledBuildsJobsGo_CountsNoneOfThemAsFailed()
    {
        var (running, amd64, arm64) = BothRunning();
        var cancelled = Cancelled(running).WithoutRetries();
        var ending = cancelled.After(BuildPlanner.Plan(cancelled));
        amd64.Job.Metadata.DeletionTimestamp = Now.UtcDateTime;
        var halfway = ending.Replace(amd64.Ended(Failed(FailureClass.Infrastructure, FailureReasons.Interrupted)));

        var plan = BuildPlanner.Plan(halfway.Replace(arm64 with { Deleted = true }).Later(TimeSpan.FromSeconds(40)));

        plan.Status.Phase.ShouldBe(Phases.Building);
        plan.Status.Platforms!.ShouldAllBe(platform => platform.Phase == PlatformPhases.Building);
        plan.Status.FailedAttempts.ShouldBeNull();
    }

    // The Job controller says that they have failed while the garbage collector still has them.
    [Fact]
    public void Plan_WhenTheJobsOfACancelledBuildHaveEndedButAreThere_WaitsForThem()
    {
        var (running, amd64, arm64) = BothRunning();
        foreach (var job in new[] { amd64, arm64 }) job.Job.Metadata.DeletionTimestamp = Now.UtcDateTime;
        var interrupted = Failed(FailureClass.Infrastructure, FailureReasons.Interrupted);
        var ended = Cancelled(running).Replace(amd64.Ended(interrupted)).Replace(arm64.Ended(interrupted));

        var waiting = BuildPlanner.Plan(ended);
        var gone = BuildPlanner.Plan(ended.After(waiting) with { Jobs = [] });

        waiting.Status.Phase.ShouldBe(Phases.Building);
        waiting.Status.CompletedAt.ShouldBeNull();
        gone.Status.Phase.ShouldBe(Phases.Cancelled);
    }

    // They are gone for longer than any store lags behind: nobody else has deleted them.
    [Fact]
    public void Plan_WhenTheJobsOfACancelledBuildAreLongGone_CountsThemAsCancelled()
    {
        var (running, _, _) = BothRunning();
        var cancelled = Cancelled(running).WithoutRetries();
        var ending = cancelled.After(BuildPlanner.Plan(cancelled)) with { Jobs = [] };

        var plan = BuildPlanner.Plan(ending.Later(TimeSpan.FromMinutes(2)));

        plan.Status.Phase.ShouldBe(Phases.Cancelled);
        plan.Status.Platforms!.ShouldAllBe(platform => platform.Phase == PlatformPhases.Cancelled && platform.Failure == null);
        plan.Status.FailedAttempts.ShouldBeNull();
    }

    [Fact]
    public void Plan_WhenCancelledDuringTheLookup_EndsItAndSaysNothingElse()
    {
        var snapshot = Snapshot(Build());
        var looking = Cancelled(snapshot.After(BuildPlanner.Plan(snapshot)));
        var ending = looking.After(BuildPlanner.Plan(looking));
        foreach (var job in ending.Jobs) job.Job.Metadata.DeletionTimestamp = Now.UtcDateTime;

        var going = BuildPlanner.Plan(ending);
        var gone = BuildPlanner.Plan(ending.After(going) with { Jobs = [] });

        ending.Build.Status!.Phase.ShouldBe(Phases.Pending);
        going.Status.Conditions!.Single(condition => condition.Type == Conditions.Reconciling).Reason.ShouldBe(Reasons.Ending);
        gone.Status.Phase.ShouldBe(Phases.Cancelled);
    }

    // A busy concurrency group would leave a private key behind for each of its builds.
    [Fact]
    public void Plan_WhenCancelled_LeavesNothingOfWhatItsJobsMount()
    {
        var running = InlineRunning();

        var plan = BuildPlanner.Plan(Cancelled(running));

        plan.MaterialsToDelete.ClientCertificates.ShouldHaveSingleItem();
        plan.MaterialsToDelete.InlineSources.ShouldHaveSingleItem();
    }

    [Fact]
    public void Plan_WhenCancelIsTakenBackWhileItEnds_MakesAnewWhatJobsMount()
    {
        var running = InlineRunning();
        var cancelled = Cancelled(running);
        var gone = running with { Build = running.Build with { Status = BuildPlanner.Plan(cancelled).Status }, Jobs = [] };
        var lost = gone.Later(TimeSpan.FromMinutes(2));

        var plan = BuildPlanner.Plan(lost.After(BuildPlanner.Plan(lost)).Later(TimeSpan.FromMinutes(2)).Granted(Amd64));

        plan.Creates.ShouldHaveSingleItem();
        plan.InlineSource.ShouldNotBeNull();
        plan.ClientCertificates.ShouldHaveSingleItem();
    }

    [Fact]
    public void Plan_WhenCancelledBeforeAnythingRan_IsCancelledAtOnce() =>
        BuildPlanner.Plan(Cancelled(Snapshot(OfCommit()))).Status.Phase.ShouldBe(Phases.Cancelled);

    [Fact]
    public void Plan_WhenCancelledWhilePublishing_GoesOn() => BuildPlanner.Plan(Cancelled(WhilePublishing())).Status.Phase.ShouldBe(Phases.Publishing);

    [Fact]
    public void Plan_WhenCancelledAfterItsEnd_StaysWhatItIs()
    {
        var snapshot = Published();
        var finished = snapshot.After(BuildPlanner.Plan(snapshot));

        BuildPlanner.Plan(Cancelled(finished)).Status.Phase.ShouldBe(Phases.Succeeded);
    }

    // A node that does not answer keeps its pods for ever.
    [Fact]
    public void Plan_WhenAJobCannotEnd_WaitsNoLongerThanItsGraceAndALittle()
    {
        var (running, amd64, arm64) = BothRunning();
        foreach (var job in new[] { amd64, arm64 }) job.Job.Metadata.DeletionTimestamp = Now.UtcDateTime;
        var cancelled = Cancelled(running);

        var waiting = BuildPlanner.Plan(cancelled);
        var later = BuildPlanner.Plan(cancelled.After(waiting).Later(TimeSpan.FromSeconds(90)));

        waiting.RequeueAfter.ShouldBe(TimeSpan.FromSeconds(90));
        later.Status.Phase.ShouldBe(Phases.Cancelled);
    }

    [Fact]
    public void Plan_WhenANewerBuildOfItsGroupIsThere_IsSuperseded()
    {
        var (running, _, _) = BothRunning();

        var plan = (running with { Rivals = new Rivals { NewerInGroup = "app-2" } }).Settled();

        plan.Status.Phase.ShouldBe(Phases.Superseded);
        plan.Status.Failure!.Reason.ShouldBe(Reasons.Superseded);
        plan.Status.Failure.Message!.ShouldContain("app-2");
    }

    [Fact]
    public void Plan_WhenNewerBuildsHaveSomeOfItsTags_PutsTheOthers()
    {
        var (running, amd64, arm64) = BothRunning();
        var pushed = running.Replace(amd64.Ended(Pushed("a"))).Replace(arm64.Ended(Pushed("b"))) with { Rivals = new Rivals { TagsOfNewer = new HashSet<string> { "latest" } } };
        var publishing = pushed.After(BuildPlanner.Plan(pushed));
        var publish = publishing.Jobs.Single(job => job.Role == JobRoles.Publish);

        var plan = BuildPlanner.Plan(publishing.Replace(publish.Ended(new RunResult { IndexDigest = Digest("index"), Published = true })));

        RunnerJson.Deserialize<PublishDescription>(publish.Job.Spec.Template.Spec.Containers[0].Args[2]).Output.Tags.ShouldBe(["1.0"]);
        plan.Status.Phase.ShouldBe(Phases.Succeeded);
        plan.Status.Tags.ShouldBe(["1.0"]);
    }

    [Fact]
    public void Plan_WhenNewerBuildsHaveAllOfItsTags_IsSupersededInsteadOfMovingThemBack()
    {
        var (running, amd64, arm64) = BothRunning();
        var pushed = running.Replace(amd64.Ended(Pushed("a"))).Replace(arm64.Ended(Pushed("b")));

        var plan = BuildPlanner.Plan(pushed with { Rivals = new Rivals { TagsOfNewer = new HashSet<string> { "1.0", "latest" } } });

        plan.Creates.ShouldBeEmpty();
        plan.Status.Phase.ShouldBe(Phases.Superseded);
        plan.Status.Platforms!.Select(platform => platform.ImageDigest).ShouldBe([Digest("image-a"), Digest("image-b")]);
    }

    // The newer build may be deleted, or build something else, before this one publishes.
    [Fact]
    public void Plan_WhenANewerBuildThatHadItsTagsIsGone_StillLeavesThemAlone()
    {
        var (running, amd64, arm64) = BothRunning();
        var told = BuildPlanner.Plan(running with { Rivals = new Rivals { TagsOfNewer = new HashSet<string> { "latest" } } });
        var forgotten = running.After(told).Replace(amd64.Ended(Pushed("a"))).Replace(arm64.Ended(Pushed("b")));

        var plan = BuildPlanner.Plan(forgotten);

        told.Status.SupersededTags.ShouldBe(["latest"]);
        RunnerJson.Deserialize<PublishDescription>(plan.Creates.Single().Spec.Template.Spec.Containers[0].Args[2]).Output.Tags.ShouldBe(["1.0"]);
        plan.Status.SupersededTags.ShouldBe(["latest"]);
    }

    [Fact]
    public void Plan_WhenItsSpecChanges_KnowsOfNoTagsThatWereTakenFromTheOneBefore()
    {
        var (running, _, _) = BothRunning();
        var told = running.After(BuildPlanner.Plan(running with { Rivals = new Rivals { TagsOfNewer = new HashSet<string> { "1.0", "latest" } } }));

        var plan = BuildPlanner.Plan(told with { Build = told.Build.Edited(spec => spec with { Rerun = "2" }), Jobs = [] });

        told.Build.Status!.SupersededTags.ShouldBe(["1.0", "latest"]);
        plan.Status.SupersededTags.ShouldBeNull();
        plan.Status.Phase.ShouldNotBe(Phases.Superseded);
    }

    [Fact]
    public void Plan_WhenTheTagsThatMovedUnderItAreANewerBuilds_IsSuperseded()
    {
        var publishing = WhilePublishing().WithoutRetries();
        var publish = publishing.Jobs.Single(job => job.Role == JobRoles.Publish);
        var moved = publishing.Replace(publish.Ended(Failed(FailureClass.Registry, FailureReasons.TagMoved)));

        BuildPlanner.Plan(moved).Status.Phase.ShouldBe(Phases.Failed);
        BuildPlanner.Plan(moved with { Rivals = new Rivals { TagsOfNewer = new HashSet<string> { "1.0", "latest" } } }).Status.Phase.ShouldBe(Phases.Superseded);
    }

    // Its runner would take what it finds at its start for the tag's old image, and put its own over it.
    [Fact]
    public void Plan_WhenNewerBuildsTakeAllOfItsTagsBeforeItsPodStarts_EndsItsJob()
    {
        var granted = Snapshot(OfCommit(Amd64)).Granted(Amd64);
        var running = granted.After(BuildPlanner.Plan(granted));
        var pending = running.Replace(running.Jobs[0].WithPod(null)) with { Rivals = new Rivals { TagsOfNewer = new HashSet<string> { "1.0", "latest" } } };

        var (plan, _, deleted) = pending.SettledWith();

        deleted.ShouldHaveSingleItem().Name.ShouldBe(running.Jobs[0].Name);
        plan.Status.Phase.ShouldBe(Phases.Superseded);
        BuildPlanner.Plan(running with { Rivals = pending.Rivals }).Status.Phase.ShouldBe(Phases.Building);
    }

    [Fact]
    public void Plan_WhenNewerBuildsTakeAllOfItsTagsBeforeItsPublishJobStarts_EndsThat()
    {
        var publishing = WhilePublishing();
        var publish = publishing.Jobs.Single(job => job.Role == JobRoles.Publish);
        var pending = publishing.Replace(publish.WithPod(null)) with { Rivals = new Rivals { TagsOfNewer = new HashSet<string> { "1.0", "latest" } } };

        var (plan, _, deleted) = pending.SettledWith();

        deleted.ShouldHaveSingleItem().Name.ShouldBe(publish.Name);
        plan.Status.Phase.ShouldBe(Phases.Superseded);
        BuildPlanner.Plan(publishing with { Rivals = pending.Rivals }).Status.Phase.ShouldBe(Phases.Publishing);
    }

    [Fact]
    public void Plan_WhenNewerBuildsTakeAllOfItsTagsWhileNoStoreShowsItsPublishJob_StillPublishes()
    {
        var publishing = WhilePublishing();
        var unseen = publishing with { Jobs = [.. publishing.Jobs.Where(job => job.Role != JobRoles.Publish)], Rivals = new Rivals { TagsOfNewer = new HashSet<string> { "1.0", "latest" } } };

        BuildPlanner.Plan(unseen).Status.Phase.ShouldBe(Phases.Publishing);
    }

    // A Job without a tag to put is refused by its own runner.
    [Fact]
    public void Plan_WhenNewerBuildsTakeAllOfItsTagsBetweenTwoAttempts_IsSupersededAndBuildsNoMore()
    {
        var granted = Snapshot(OfCommit(Amd64)).Granted(Amd64);
        var running = granted.After(BuildPlanner.Plan(granted));
        var failed = running.Replace(running.Jobs[0].Ended(Failed(FailureClass.Infrastructure, FailureReasons.BuilderLost)));
        var between = failed.After(BuildPlanner.Plan(failed)).Later(TimeSpan.FromMinutes(1));

        var plan = BuildPlanner.Plan(between with { Rivals = new Rivals { TagsOfNewer = new HashSet<string> { "1.0", "latest" } } });

        plan.Creates.ShouldBeEmpty();
        plan.Status.Phase.ShouldBe(Phases.Superseded);
        plan.Status.FailedAttempts!.ShouldHaveSingleItem();
    }

    [Fact]
    public void Plan_WhileAnotherBuildPutsOneOfItsTags_WaitsForItsTurn()
    {
        var (running, amd64, arm64) = BothRunning();
        var pushed = running.Replace(amd64.Ended(Pushed("a"))).Replace(arm64.Ended(Pushed("b")));

        var plan = BuildPlanner.Plan(pushed with { Rivals = new Rivals { Publishing = "other" } });

        plan.Creates.ShouldBeEmpty();
        plan.Status.Phase.ShouldBe(Phases.Building);
        plan.Status.Conditions!.Single(condition => condition.Type == Conditions.Reconciling).Reason.ShouldBe(Reasons.WaitingForTag);
        plan.RequeueAfter.ShouldBe(TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void Plan_WhenTheSpecChangesWhileItPublishes_LetsThatEndByItself()
    {
        var snapshot = WhilePublishing();
        var changed = snapshot with { Build = snapshot.Build with { Spec = snapshot.Build.Spec with { Rerun = "2" } } };

        var plan = BuildPlanner.Plan(changed);

        plan.Deletes.Select(job => job.Role).ShouldNotContain(JobRoles.Publish);
        plan.Status.Conditions!.Single(condition => condition.Type == Conditions.Reconciling).Reason.ShouldBe(Reasons.ReplacingOlder);
    }

    [Theory]
    [InlineData("10m", 10)]
    [InlineData("0s", 0)]
    public void Plan_WhenItsTimeAfterTheEndIsOver_DeletesTheBuild(string ttl, int minutes)
    {
        var snapshot = Published();
        var withTtl = snapshot with { Build = snapshot.Build with { Spec = snapshot.Build.Spec with { TtlAfterFinished = ttl } } };
        var end = BuildPlanner.Plan(withTtl);
        var finished = withTtl.After(end);

        end.RequeueAfter.ShouldBe(TimeSpan.FromMinutes(minutes));
        end.DeleteBuild.ShouldBeFalse();
        BuildPlanner.Plan(finished.Later(TimeSpan.FromMinutes(minutes))).DeleteBuild.ShouldBeTrue();
    }

    [Fact]
    public void Plan_WhenAnOlderBuildDoesNotKnowYetWhichTagsItHasPut_DeletesTheBuildLater()
    {
        var snapshot = Published();
        var withTtl = snapshot with { Build = snapshot.Build with { Spec = snapshot.Build.Spec with { TtlAfterFinished = "1m" } } };
        var over = withTtl.After(BuildPlanner.Plan(withTtl)).Later(TimeSpan.FromMinutes(2));

        var beside = over with { Rivals = new Rivals { Unaware = "older" } };
        var plan = BuildPlanner.Plan(beside);

        plan.DeleteBuild.ShouldBeFalse();
        plan.RequeueAfter.ShouldBe(TimeSpan.FromSeconds(2));
        BuildPlanner.Plan(over).DeleteBuild.ShouldBeTrue();
        // That one may never come to write its status.
        BuildPlanner.Plan(beside.Later(TimeSpan.FromMinutes(10))).DeleteBuild.ShouldBeTrue();
    }

    [Fact]
    public void Plan_WithoutATimeAfterTheEnd_NeverDeletesTheBuild()
    {
        var snapshot = Published();

        BuildPlanner.Plan(snapshot.After(BuildPlanner.Plan(snapshot)).Later(TimeSpan.FromDays(3650))).DeleteBuild.ShouldBeFalse();
    }

    [Fact]
    public void Plan_WhenFirstSeen_WasAskedForWithTheObjectAndLaterWithItsChange()
    {
        var snapshot = Published();
        var finished = snapshot.After(BuildPlanner.Plan(snapshot)).Later(TimeSpan.FromDays(1));

        finished.Build.Status!.RequestedAt.ShouldBe(finished.Build.Metadata.CreationTimestamp);
        BuildPlanner.Plan(finished with { Build = finished.Build.Edited(spec => spec with { Rerun = "2" }) }).Status.RequestedAt.ShouldBe(finished.Now.UtcDateTime);
    }

    private static BuildSnapshot InlineRunning()
    {
        var build = Build(Amd64);
        var inline = build with { Spec = build.Spec with { Source = new BuildSource { Inline = new InlineBuildSource { Files = new Dictionary<string, string> { ["Dockerfile"] = "FROM scratch" } } } } };
        var granted = Snapshot(inline).Granted(Amd64);
        return granted.After(BuildPlanner.Plan(granted));
    }

    private static BuildSnapshot Cancelled(BuildSnapshot snapshot) =>
        snapshot with { Build = snapshot.Build with { Spec = snapshot.Build.Spec with { Cancel = true } } };
}
