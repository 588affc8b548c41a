using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>What fails for a reason that may pass is tried again, and nothing else is.</summary>
public sealed class AttemptsTests
{
    private static readonly TimeSpan LongEnough = TimeSpan.FromMinutes(5);

    [Fact]
    public void Plan_WhenOnePlatformFails_RetriesOnlyThatOne()
    {
        var (snapshot, amd64, arm64) = BothRunning();
        var failed = snapshot.Replace(amd64.Ended(Lost)).Replace(arm64.Ended(Pushed("b")));
        var seen = failed.After(BuildPlanner.Plan(failed));

        var again = BuildPlanner.Plan(seen.Later(LongEnough).Granted(Amd64));

        var job = again.Creates.ShouldHaveSingleItem();
        job.Metadata.Annotations[SlipwayApi.AttemptAnnotation].ShouldBe("2");
        job.Metadata.Annotations[SlipwayApi.PlatformAnnotation].ShouldBe(Amd64);
        again.Status.Platforms!.Select(platform => platform.Attempts).ShouldBe([2, 1]);
        again.Status.Platforms![1].PushedDigest.ShouldBe(Digest("b"));
        again.Status.Phase.ShouldBe(Phases.Building);
    }

    [Fact]
    public void Plan_WhenAnAttemptFails_RecordsItAndWaitsBeforeTheNext()
    {
        var (snapshot, amd64, _) = BothRunning();

        var plan = BuildPlanner.Plan(snapshot.Replace(amd64.Ended(Lost)).Granted(Amd64));

        plan.Status.FailedAttempts.ShouldBe([new FailedAttempt
        {
            Role = "build", Platform = Amd64, Attempt = 1, Builder = Builder().Name, Class = "Infrastructure", Reason = FailureReasons.BuilderLost, At = Now.UtcDateTime,
        }]);
        plan.Creates.ShouldBeEmpty();
        plan.SlotRequests.ShouldBeEmpty();
        plan.RequeueAfter!.Value.ShouldBeInRange(TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(5));
        plan.Status.Failure.ShouldBeNull();
        plan.Status.Status(Conditions.Reconciling).ShouldBe("True");
    }

    [Fact]
    public void Plan_WhenABuilderWasLost_AsksForAnotherOne()
    {
        var (snapshot, amd64, _) = BothRunning();
        var failed = snapshot.Replace(amd64.Ended(Lost));

        BuildPlanner.Plan(failed.After(BuildPlanner.Plan(failed)).Later(LongEnough)).SlotRequests.ShouldHaveSingleItem().Avoid.ShouldBe([Builder().Name]);
    }

    [Theory]
    [InlineData(nameof(FailureClass.User))]
    [InlineData(nameof(FailureClass.Config))]
    [InlineData(nameof(FailureClass.Policy))]
    [InlineData(nameof(FailureClass.Timeout))]
    public void Plan_WhenTryingAgainCannotHelp_FailsAtOnce(string failureClass)
    {
        var (snapshot, amd64, _) = BothRunning();

        var plan = snapshot.Replace(amd64.Ended(Failed(Enum.Parse<FailureClass>(failureClass), "Whatever"))).Settled();

        plan.Status.Phase.ShouldBe(Phases.Failed);
        plan.Status.FailedAttempts.ShouldBeNull();
        plan.Status.Platforms![0].Attempts.ShouldBe(1);
    }

    [Theory]
    [InlineData(nameof(FailureClass.Infrastructure), 3)]
    [InlineData(nameof(FailureClass.Registry), 3)]
    [InlineData(nameof(FailureClass.Unknown), 2)]
    public void Plan_WhenItFailsEveryTime_EndsAfterTheRetries(string failureClass, int attempts)
    {
        var snapshot = Snapshot(OfCommit(Amd64)).Granted(Amd64);
        for (var pass = 0; pass < 20 && snapshot.Build.Status?.CompletedAt is null; pass++)
        {
            snapshot = snapshot.After(BuildPlanner.Plan(snapshot)).Later(LongEnough);
            snapshot = snapshot with { Jobs = [.. snapshot.Jobs.Select(job => job.Finished ? job : job.Ended(Failed(Enum.Parse<FailureClass>(failureClass), "Whatever")))] };
        }

        snapshot.Build.Status!.Phase.ShouldBe(Phases.Failed);
        snapshot.Build.Status.Failure!.Class.ShouldBe(failureClass);
        snapshot.Build.Status.Platforms![0].Attempts.ShouldBe(attempts);
        snapshot.Jobs.Count.ShouldBe(attempts);
        snapshot.Jobs.Select(job => job.Name).Distinct().Count().ShouldBe(attempts);
    }

    [Fact]
    public void Plan_WhenStatusWasNotWrittenAfterAFailure_FindsItAgainInTheJobs()
    {
        var (snapshot, amd64, _) = BothRunning();
        var failed = snapshot.Replace(amd64.Ended(Lost));
        var second = BuildPlanner.Plan(failed.After(BuildPlanner.Plan(failed)).Later(LongEnough).Granted(Amd64)).Creates.ShouldHaveSingleItem();

        // Of both passes only the Jobs are left.
        var plan = BuildPlanner.Plan(failed.With(Running(second)).Later(LongEnough));

        plan.Creates.ShouldBeEmpty();
        plan.Status.FailedAttempts!.ShouldHaveSingleItem().Attempt.ShouldBe(1);
        plan.Status.Platforms![0].Attempts.ShouldBe(2);
    }

    [Requirement("R16")]
    [Fact]
    public void Plan_WhenTheSecondJobIsNotInTheStoreYet_CreatesNoThird()
    {
        var (snapshot, amd64, _) = BothRunning();
        var failed = snapshot.Replace(amd64.Ended(Lost));
        var waited = failed.After(BuildPlanner.Plan(failed)).Later(LongEnough);
        var started = waited with { Build = waited.Build with { Status = BuildPlanner.Plan(waited.Granted(Amd64)).Status } };

        var plan = BuildPlanner.Plan(started.Granted(Amd64));

        plan.Creates.ShouldBeEmpty();
        plan.SlotRequests.ShouldBeEmpty();
        plan.Status.Platforms![0].Attempts.ShouldBe(2);
    }

    [Fact]
    public void Plan_WhenSomebodyDeletedTheJob_StartsAnother()
    {
        var (snapshot, _, arm64) = BothRunning();
        var deleted = (snapshot with { Jobs = [arm64] }).Later(JobResult.StoreLag);
        var seen = deleted.After(BuildPlanner.Plan(deleted));

        var again = BuildPlanner.Plan(seen.Later(LongEnough).Granted(Amd64));

        seen.Build.Status!.FailedAttempts!.ShouldHaveSingleItem().Reason.ShouldBe(Reasons.RunnerLost);
        again.Creates.ShouldHaveSingleItem().Metadata.Annotations[SlipwayApi.AttemptAnnotation].ShouldBe("2");
    }

    // It ends as it was told to, which says nothing of the build.
    [Fact]
    public void Plan_WhileAJobIsBeingDeleted_WaitsUntilItIsGone()
    {
        var (snapshot, amd64, _) = BothRunning();
        amd64.Job.Metadata.DeletionTimestamp = Now.UtcDateTime;

        var plan = BuildPlanner.Plan(snapshot.Replace(amd64.Ended(Failed(FailureClass.Infrastructure, FailureReasons.Interrupted))));

        plan.Status.FailedAttempts.ShouldBeNull();
        plan.Creates.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_WhenTheNodeOfThePodIsLost_DeletesItsJobAndDoesNotWaitForIt()
    {
        var (snapshot, amd64, _) = BothRunning();
        var lost = snapshot.Replace(amd64 with { NodeLost = true });
        amd64.Pods[0].Metadata.DeletionTimestamp = Now.UtcDateTime;
        amd64.Pods[0].Spec.NodeName = "node-1";

        var first = BuildPlanner.Plan(lost);
        var again = BuildPlanner.Plan(lost.After(first).Later(LongEnough).Granted(Amd64));

        first.Deletes.Select(job => job.Name).ShouldBe([amd64.Name]);
        first.Status.FailedAttempts!.ShouldHaveSingleItem().Reason.ShouldBe(Reasons.NodeLost);
        again.Creates.ShouldHaveSingleItem();
    }

    // On a node that does not answer it may wake and put tags, and others have to know of it that long.
    [Fact]
    public void Plan_WhenTheNodeOfAPublishJobIsLost_KeepsTheJobAsLongAsItMayPutTags()
    {
        var snapshot = WhilePublishing();
        var publish = snapshot.Jobs.Single(job => job.Role == JobRoles.Publish);
        publish.Pods[0].Metadata.DeletionTimestamp = Now.UtcDateTime;
        var lost = snapshot.Replace(publish with { NodeLost = true });
        var seen = lost.After(BuildPlanner.Plan(lost));

        var second = BuildPlanner.Plan(seen.Later(TimeSpan.FromSeconds(30)));
        var later = BuildPlanner.Plan(seen.After(second).Later(TimeSpan.FromMinutes(10)));

        seen.Build.Status!.FailedAttempts!.ShouldHaveSingleItem().Role.ShouldBe("publish");
        second.Creates.ShouldHaveSingleItem().Metadata.Annotations[SlipwayApi.AttemptAnnotation].ShouldBe("2");
        second.Deletes.ShouldBeEmpty();
        later.Deletes.ShouldContain(job => job.Name == publish.Name);
    }

    [Fact]
    public void Plan_WhenPublishFails_PublishesAgainAndBuildsNothing()
    {
        var snapshot = WhilePublishing();
        var publish = snapshot.Jobs.Single(job => job.Role == JobRoles.Publish);
        var failed = snapshot.Replace(publish.Ended(Failed(FailureClass.Registry, FailureReasons.RegistryUnavailable)));
        var seen = failed.After(BuildPlanner.Plan(failed));

        var again = BuildPlanner.Plan(seen.Later(TimeSpan.FromSeconds(20)));

        seen.Build.Status!.Phase.ShouldBe(Phases.Publishing);
        again.Creates.ShouldHaveSingleItem().Metadata.Labels[SlipwayApi.RoleLabel].ShouldBe(JobRoles.Publish);
        again.Status.Publish!.Attempts.ShouldBe(2);
    }

    // The branch may have moved meanwhile, and the cache of the first attempt is of that commit.
    [Fact]
    public void Plan_WhenTheAttemptThatFailedHasLookedTheCommitUp_BuildsThatOneAgain()
    {
        var granted = Snapshot(Build(Amd64)).Granted(Amd64);
        var running = granted.After(BuildPlanner.Plan(granted));
        var failed = running.Replace(running.Jobs[0].Ended(Lost with { Commit = Commit }));
        var seen = failed.After(BuildPlanner.Plan(failed));

        var again = BuildPlanner.Plan(seen.Later(LongEnough).Granted(Amd64));

        seen.Build.Status!.Commit.ShouldBe(Commit);
        RunnerJson.Deserialize<BuildDescription>(again.Creates.ShouldHaveSingleItem().Spec.Template.Spec.Containers[0].Args[2]).Commit.ShouldBe(Commit);
    }

    [Fact]
    public void Plan_WhenTheGitHostDoesNotAnswer_LooksUpTheCommitAgain()
    {
        var snapshot = Snapshot(Build());
        var failed = snapshot.With(Running(BuildPlanner.Plan(snapshot).Creates[0]).Ended(Failed(FailureClass.Infrastructure, FailureReasons.SourceUnreachable)));
        var seen = failed.After(BuildPlanner.Plan(failed));

        var again = BuildPlanner.Plan(seen.Later(LongEnough));

        seen.Build.Status!.Status(Conditions.Reconciling).ShouldBe("True");
        again.Creates.ShouldHaveSingleItem().Metadata.Name.ShouldEndWith("-prepare-2");
    }

    [Fact]
    public void Plan_WhenRetriesGoOnPastTheTimeout_EndsAsTimedOut()
    {
        var (snapshot, amd64, arm64) = BothRunning();
        var failed = snapshot.Replace(amd64.Ended(Lost)).Replace(arm64.Ended(Pushed("b")));

        var plan = failed.After(BuildPlanner.Plan(failed)).Later(TimeSpan.FromHours(1)).Settled();

        plan.Status.Failure!.Class.ShouldBe("Timeout");
        plan.Status.Platforms!.Select(platform => platform.Phase).ShouldBe([PlatformPhases.Cancelled, PlatformPhases.Succeeded]);
    }

    [Fact]
    public void Plan_WhenTheRunnersOwnTimeIsOver_NamesTheFieldThatGaveIt()
    {
        var (snapshot, amd64, _) = BothRunning();

        var failure = snapshot.Replace(amd64.Ended(Failed(FailureClass.Timeout, FailureReasons.TimedOut))).Settled().Status.Failure!;

        (failure.Class, failure.Reason).ShouldBe(("Timeout", Reasons.TimedOut));
        failure.Message!.ShouldContain("spec.timeout (1h)");
    }

    [Fact]
    public void NextAt_ForOneFailureAfterTheOther_GrowsAndSpreads()
    {
        var at = Now.UtcDateTime;
        FailedAttempt Of(int attempt, string failureClass) => new() { Role = "build", Platform = Amd64, Attempt = attempt, Class = failureClass, At = at };
        double Pause(int attempt, string failureClass, string uid) => (RetryPolicy.NextAt(Of(attempt, failureClass), uid) - at).TotalSeconds;

        Pause(1, "Registry", "a").ShouldBeInRange(15, 18.75);
        Pause(2, "Registry", "a").ShouldBeInRange(60, 75);
        Pause(5, "Registry", "a").ShouldBeInRange(240, 300);
        Pause(1, "Infrastructure", "a").ShouldBeInRange(4, 5);
        Enumerable.Range(0, 50).Select(build => Pause(1, "Registry", $"{build}")).Distinct().Count().ShouldBeGreaterThan(40);
        Pause(1, "Registry", "a").ShouldBe(Pause(1, "Registry", "a"));
    }

    private static RunResult Lost => Failed(FailureClass.Infrastructure, FailureReasons.BuilderLost);
}
