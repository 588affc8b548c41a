using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;
using Slipway.Scheduling;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>What a build makes of the builder that it was granted, in the cluster or outside of it, and what status says of it.</summary>
public sealed class BuilderOfBuildTests
{
    private static readonly SlotAnswer Outside = SlotAnswer.Granted(Endpoint()) with { PreferredBuilder = "arm-2.example.com:1234" };

    [Fact]
    public void Plan_WhenEveryBuilderIsOutsideTheCluster_MakesNoCertificate()
    {
        var plan = BuildPlanner.Plan(Snapshot(OfCommit(Arm64)).With(Arm64, Outside));

        plan.Creates.ShouldHaveSingleItem();
        plan.ClientCertificates.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_WhenAPlatformOfThePoolStartsAfterOneOutside_MakesTheCertificateThen()
    {
        var snapshot = Snapshot(OfCommit(Amd64, Arm64)).With(Arm64, Outside);
        var first = BuildPlanner.Plan(snapshot);
        first.ClientCertificates.ShouldBeEmpty();

        var second = BuildPlanner.Plan(snapshot.After(first).Granted(Amd64));

        second.Creates.ShouldHaveSingleItem();
        second.ClientCertificates.ShouldHaveSingleItem();
    }

    [Fact]
    public void Plan_WhenAPlatformOutsideStartsAfterOneOfThePool_MakesNoSecondCertificate()
    {
        var snapshot = Snapshot(OfCommit(Amd64, Arm64)).Granted(Amd64);
        var first = BuildPlanner.Plan(snapshot);
        first.ClientCertificates.ShouldHaveSingleItem();

        BuildPlanner.Plan(snapshot.After(first).With(Arm64, Outside)).ClientCertificates.ShouldBeEmpty();
    }

    [Fact]
    public void Materials_OfAJobOutside_LeaveTheUsersSecretAlone()
    {
        var build = OfCommit(Arm64);
        var job = Running(BuildPlanner.Plan(Snapshot(build).With(Arm64, Outside)).Creates.Single());

        BuildMaterials.Of(build, [job]).ClientCertificates.ShouldBeEmpty();
    }

    [Fact]
    public void Status_WhenABuilderIsGranted_SaysWhichItIsItsModeAndWhichIsWarm()
    {
        var platform = BuildPlanner.Plan(Snapshot(OfCommit(Arm64)).With(Arm64, Outside)).Status.Platforms!.Single();

        (platform.Builder, platform.Mode, platform.PreferredBuilder).ShouldBe(("arm-1.example.com:1234", "External", "arm-2.example.com:1234"));
    }

    // The operator may end between the Job and the status, and the scheduler is not asked about a platform that has its Job.
    [Fact]
    public void Status_WhenTheJobIsAllThatIsKnown_SaysTheSame()
    {
        var snapshot = Snapshot(OfCommit(Arm64));
        var granted = BuildPlanner.Plan(snapshot.With(Arm64, Outside));

        var after = BuildPlanner.Plan(snapshot.With([.. granted.Creates.Select(job => Running(job))])).Status.Platforms!.Single();

        (after.Builder, after.Mode, after.PreferredBuilder).ShouldBe(("arm-1.example.com:1234", "External", "arm-2.example.com:1234"));
    }

    [Fact]
    public void Status_WhenTheSchedulerHasAnotherOpinionLater_KeepsWhatWasDecided()
    {
        var snapshot = Snapshot(OfCommit(Arm64)).With(Arm64, Outside);
        var first = BuildPlanner.Plan(snapshot);

        var later = BuildPlanner.Plan(snapshot.After(first).With(Arm64, SlotAnswer.Granted(Builder(Arm64)) with { PreferredBuilder = "another" })).Status.Platforms!.Single();

        (later.Mode, later.PreferredBuilder).ShouldBe(("External", "arm-2.example.com:1234"));
    }

    [Theory]
    [InlineData(BuilderModes.Native)]
    [InlineData(BuilderModes.Emulated)]
    public void Status_OfABuilderOfThePool_SaysWhetherItEmulates(string mode) =>
        BuildPlanner.Plan(Snapshot(OfCommit(Arm64)).With(Arm64, SlotAnswer.Granted(Builder(Arm64) with { Mode = mode }))).Status.Platforms!.Single().Mode.ShouldBe(mode);

    [Theory]
    [InlineData(null, 0)]
    [InlineData(-7, -7)]
    public void SlotRequests_Always_CarryTheBuildsPriority(int? priority, int asked)
    {
        var build = OfCommit(Amd64);

        BuildPlanner.Plan(Snapshot(build with { Spec = build.Spec with { Priority = priority } })).SlotRequests.Single().Priority.ShouldBe(asked);
    }

    [Theory]
    [InlineData(FailureReasons.BuilderUnreachable, false)]
    [InlineData(FailureReasons.BuilderLost, false)]
    [InlineData(FailureReasons.RunStepFailed, true)]
    [InlineData(FailureReasons.RegistryUnavailable, true)]
    public void Outcomes_WhenTheJobHasBeenAtItsBuilder_SayWhetherItWasReached(string reason, bool reached)
    {
        var failed = Failed(FailureClass.Infrastructure, reason) with { Cache = new CacheResult() };

        var outcome = BuildPlanner.Plan(Ended(Outside, failed)).Outcomes.ShouldHaveSingleItem();

        (outcome.BuilderUid, outcome.Reached, outcome.Platform, outcome.Pool.ToString()).ShouldBe((Endpoint().Uid, reached, Arm64, "builders/farm"));
    }

    // One namespace's Secret, revision or time limit must not keep the builds of others from a builder that is well.
    [Theory]
    [InlineData(FailureReasons.BuilderUntrusted, true)]
    [InlineData(FailureReasons.TimedOut, true)]
    [InlineData(FailureReasons.Interrupted, true)]
    [InlineData(FailureReasons.CredentialsSecretMissing, false)]
    [InlineData(FailureReasons.RevisionNotFound, false)]
    [InlineData(Reasons.RunnerLost, false)]
    public void Outcomes_WhenTheFailureSaysNothingOfTheBuilder_AreNone(string reason, bool buildctlRan) =>
        BuildPlanner.Plan(Ended(Outside, Failed(FailureClass.Config, reason) with { Cache = buildctlRan ? new CacheResult() : null })).Outcomes.ShouldBeEmpty();

    [Fact]
    public void Outcomes_OfASuccess_AreReachedAndToldOnce()
    {
        var ended = Ended(Outside, Pushed("arm64", published: true));
        var plan = BuildPlanner.Plan(ended);

        plan.Outcomes.ShouldHaveSingleItem().Reached.ShouldBeTrue();
        BuildPlanner.Plan(ended.After(plan)).Outcomes.ShouldBeEmpty("status has it");
    }

    [Fact]
    public void Outcomes_OfABuilderOfThePool_AreNone() =>
        BuildPlanner.Plan(Ended(SlotAnswer.Granted(Builder(Arm64)), Pushed("arm64", published: true))).Outcomes.ShouldBeEmpty();

    [Fact]
    public void Outcomes_WhileTheJobRuns_AreNone()
    {
        var snapshot = Snapshot(OfCommit(Arm64)).With(Arm64, Outside);

        BuildPlanner.Plan(snapshot.After(BuildPlanner.Plan(snapshot))).Outcomes.ShouldBeEmpty();
    }

    private static BuildSnapshot Ended(SlotAnswer slot, RunResult result)
    {
        var snapshot = Snapshot(OfCommit(Arm64)).With(Arm64, slot);
        var started = snapshot.After(BuildPlanner.Plan(snapshot));
        return started.Replace(started.Jobs.Single().Ended(result));
    }

    private static V1Alpha1ImageBuild OfCommit(params string[] platforms)
    {
        var build = Build(platforms);
        return build with { Spec = build.Spec with { Source = new BuildSource { Git = build.Spec.Source.Git! with { Revision = Commit } } } };
    }
}
