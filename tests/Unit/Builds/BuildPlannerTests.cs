using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Runner;
using Slipway.Scheduling;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

public sealed class BuildPlannerTests
{
    [Fact]
    public void Plan_WhenSeveralPlatformsBuildABranch_ResolvesTheCommitFirst()
    {
        var plan = BuildPlanner.Plan(Snapshot(Build()));

        plan.Creates.ShouldHaveSingleItem().Metadata.Labels[SlipwayApi.RoleLabel].ShouldBe(JobRoles.Prepare);
        plan.Status.Phase.ShouldBe(Phases.Pending);
        plan.Status.Status(Conditions.Reconciling).ShouldBe("True");
        plan.Status.Status(Conditions.Ready).ShouldBe("Unknown");
        plan.SlotRequests.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_WhenTheRevisionIsAFullCommit_AsksForSlotsAtOnce()
    {
        var plan = BuildPlanner.Plan(Snapshot(OfCommit()));

        plan.Creates.ShouldBeEmpty();
        plan.SlotRequests.Select(request => request.Platform).ShouldBe([Amd64, Arm64]);
        plan.Status.Commit.ShouldBe(Commit);
    }

    [Fact]
    public void Plan_WhenOnePlatformIsBuilt_LetsItsOwnPodResolveAndPublish()
    {
        var plan = BuildPlanner.Plan(Snapshot(Build(Amd64)).Granted(Amd64));

        var description = DescriptionOf(plan.Creates.ShouldHaveSingleItem());
        description.Commit.ShouldBeNull();
        description.Publish.ShouldBeTrue();
    }

    [Fact]
    public void Plan_WhenOneBuilderIsFree_StartsThatPlatformAndQueuesTheOther()
    {
        var snapshot = Snapshot(OfCommit()).Granted(Amd64) with { };
        var plan = BuildPlanner.Plan(snapshot with
        {
            Slots = new Dictionary<string, SlotAnswer> { [Amd64] = SlotAnswer.Granted(Builder()), [Arm64] = SlotAnswer.Waiting(WaitReason.NoBuilderFree) },
        });

        plan.Creates.ShouldHaveSingleItem().Metadata.Annotations[SlipwayApi.PlatformAnnotation].ShouldBe(Amd64);
        plan.ClientCertificates.ShouldHaveSingleItem().Lifetime.ShouldBe(TimeSpan.FromHours(2));
        plan.Status.Phase.ShouldBe(Phases.Building);
        plan.Status.StartedAt.ShouldBe(Now.UtcDateTime);
        plan.Status.Platforms!.Select(platform => platform.Phase).ShouldBe([PlatformPhases.Building, PlatformPhases.Queued]);
        plan.Status.Queue!.Reason.ShouldBe(Reasons.NoBuilderFree);
    }

    [Fact]
    public void Plan_WhenNoBuilderIsReady_IsQueuedAndSaysSo()
    {
        var plan = BuildPlanner.Plan(Snapshot(Build(Amd64)) with { Slots = new Dictionary<string, SlotAnswer> { [Amd64] = SlotAnswer.Waiting(WaitReason.NoBuilderReady) } });

        plan.Status.Phase.ShouldBe(Phases.Queued);
        plan.Status.StartedAt.ShouldBeNull();
        plan.Status.Queue!.Reason.ShouldBe(Reasons.NoBuilderReady);
        plan.RequeueAfter.ShouldBeNull();
    }

    [Requirement("R16", "cr#1464")]
    [Fact]
    public void Plan_WhenItsOwnJobIsNotInTheStoreYet_CreatesNoSecondOne()
    {
        var snapshot = Snapshot(OfCommit(Amd64)).Granted(Amd64);
        var first = BuildPlanner.Plan(snapshot);

        var second = BuildPlanner.Plan(snapshot with { Build = snapshot.Build with { Status = first.Status }, Slots = new Dictionary<string, SlotAnswer>() });

        second.Creates.ShouldBeEmpty();
        second.SlotRequests.ShouldBeEmpty();
        second.Status.Platforms!.ShouldHaveSingleItem().Phase.ShouldBe(PlatformPhases.Building);
    }

    [Requirement("R16")]
    [Fact]
    public void Plan_WhenJobsWereCreatedAndTheStatusWriteWasLost_TakesThemAsTheyAre()
    {
        var snapshot = Snapshot(OfCommit(Amd64)).Granted(Amd64);
        var created = Running(BuildPlanner.Plan(snapshot).Creates[0], Now.AddSeconds(-3));

        var plan = BuildPlanner.Plan(Snapshot(OfCommit(Amd64)).With(created));

        plan.Creates.ShouldBeEmpty();
        plan.Status.StartedAt.ShouldBe(Now.AddSeconds(-3).UtcDateTime);
        plan.Status.Platforms!.ShouldHaveSingleItem().Builder.ShouldBe(Builder().Name);
    }

    [Fact]
    public void Plan_WhenOnePlatformHasPushed_RecordsItBeforeTheOtherEnds()
    {
        var (snapshot, amd64, _) = BothRunning();

        var plan = BuildPlanner.Plan(snapshot.Replace(amd64.Ended(Pushed("a"))));

        var status = plan.Status.Platforms![0];
        status.Phase.ShouldBe(PlatformPhases.Succeeded);
        status.PushedDigest.ShouldBe(Digest("a"));
        status.ImageDigest.ShouldBe(Digest("image-a"));
        status.Attestations!.Select(attestation => attestation.PredicateType).ShouldBe(["https://slsa.dev/provenance/v1", "https://spdx.dev/Document"]);
        status.Cache!.Ratio.ShouldBe("0.92");
        plan.Status.Phase.ShouldBe(Phases.Building);
        plan.Creates.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_WhenAResultIsInStatus_NeedsItsJobNoMore()
    {
        var (snapshot, amd64, arm64) = BothRunning();
        var recorded = BuildPlanner.Plan(snapshot.Replace(amd64.Ended(Pushed("a"))));
        var without = snapshot with { Build = snapshot.Build with { Status = recorded.Status }, Jobs = [arm64.Ended(Pushed("b"))] };

        var plan = BuildPlanner.Plan(without);

        var publish = plan.Creates.ShouldHaveSingleItem();
        publish.Metadata.Labels[SlipwayApi.RoleLabel].ShouldBe(JobRoles.Publish);
        RunnerJson.Deserialize<PublishDescription>(publish.Spec.Template.Spec.Containers[0].Args[2]).Platforms
            .ShouldBe([new PlatformIndex(Amd64, Digest("a")), new PlatformIndex(Arm64, Digest("b"))]);
        plan.Status.Phase.ShouldBe(Phases.Publishing);
    }

    [Requirement("R18")]
    [Fact]
    public void Plan_WhenPublished_IsSucceededWithTheIndexDigest()
    {
        var plan = BuildPlanner.Plan(Published());

        plan.Status.Phase.ShouldBe(Phases.Succeeded);
        plan.Status.IndexDigest.ShouldBe(Digest("index"));
        plan.Status.Image.ShouldBe($"registry.example.com/team-a/hello@{Digest("index")}");
        plan.Status.Tags.ShouldBe(["1.0", "latest"]);
        plan.Status.Summary.ShouldBe(new BuildSummary { Platforms = "linux/amd64,linux/arm64", Cache = "22/24", Digest = Digest("index")[7..19] });
        plan.Status.Status(Conditions.Ready).ShouldBe("True");
        plan.Status.Status(Conditions.Succeeded).ShouldBe("True");
        plan.Status.Status(Conditions.Complete).ShouldBe("True");
        plan.Status.Status(Conditions.CacheHealthy).ShouldBe("True");
        plan.Status.Status(Conditions.Reconciling).ShouldBeNull();
        plan.Status.Status(Conditions.Stalled).ShouldBeNull();
        plan.WithdrawSlots.ShouldBeTrue();
    }

    [Requirement("R18")]
    [Fact]
    public void Plan_WhenFinishedAndReadAgain_ChangesNothing()
    {
        var snapshot = Published();
        var finished = snapshot.After(BuildPlanner.Plan(snapshot));

        var plan = BuildPlanner.Plan(finished.Later(TimeSpan.FromMinutes(1)));

        KubernetesJsonOf(plan.Status).ShouldBe(KubernetesJsonOf(finished.Build.Status!));
        plan.Creates.ShouldBeEmpty();
        plan.Deletes.ShouldBeEmpty();
        plan.RequeueAfter.ShouldBe(TimeSpan.FromMinutes(9));
    }

    public static TheoryData<string> States => [.. StatesByName.Keys];

    private static readonly Dictionary<string, Func<BuildSnapshot>> StatesByName = new()
    {
        ["looked up"] = () => Snapshot(Build()),
        ["queued"] = () => Snapshot(OfCommit(Amd64)) with { Slots = new Dictionary<string, SlotAnswer> { [Amd64] = SlotAnswer.Waiting(WaitReason.NoBuilderReady) } },
        ["building"] = () => BothRunning().Snapshot,
        ["published"] = Published,
        ["without a pool"] = () => Snapshot(Build()) with { Pool = null },
    };

    // A message that tells how long something has taken makes every pass a write.
    [Requirement("R18")]
    [Theory, MemberData(nameof(States))]
    public void Plan_WhenOnlyTimeHasPassed_WritesTheSameStatus(string state)
    {
        var snapshot = StatesByName[state]();
        var seen = snapshot.After(BuildPlanner.Plan(snapshot));

        var later = BuildPlanner.Plan(seen.Later(TimeSpan.FromSeconds(7.3)));

        KubernetesJsonOf(later.Status).ShouldBe(KubernetesJsonOf(seen.Build.Status!));
    }

    [Requirement("R18", "metav1.Time: whole seconds")]
    [Theory, MemberData(nameof(States))]
    public void Plan_WhenItIsAFractionPastTheSecond_WritesWholeSeconds(string state) =>
        KubernetesJsonOf(BuildPlanner.Plan(StatesByName[state]().Later(TimeSpan.FromSeconds(0.678))).Status).ShouldNotMatch(@"\d:\d\d\.\d*[1-9]");

    [Fact]
    public void Plan_WhenNobodyNeedsTheLogsAnyMore_DeletesJobsAndMaterialsAndIsSilentThen()
    {
        var snapshot = Published();
        var finished = snapshot.After(BuildPlanner.Plan(snapshot)).Later(TimeSpan.FromMinutes(10));

        var cleaning = BuildPlanner.Plan(finished);
        var clean = BuildPlanner.Plan(finished with { Jobs = [] });

        cleaning.Deletes.Count.ShouldBe(finished.Jobs.Count);
        cleaning.MaterialsToDelete.ClientCertificates.ShouldBe([Certificate(finished)]);
        cleaning.MaterialsToDelete.InlineSources.ShouldBeEmpty();
        clean.Deletes.ShouldBeEmpty();
        clean.MaterialsToDelete.ClientCertificates.ShouldBeEmpty();
        clean.RequeueAfter.ShouldBeNull();
    }

    // The first of several deletions that the store shows brings a pass that still sees the other Jobs.
    [Requirement("R16")]
    [Fact]
    public void Plan_WhenTheStoreStillShowsWhatWasDeleted_DeletesNothingTwice()
    {
        var snapshot = Published();
        var finished = snapshot.After(BuildPlanner.Plan(snapshot)).Later(TimeSpan.FromMinutes(10));

        var again = BuildPlanner.Plan(finished with { Jobs = [.. finished.Jobs.Skip(1).Select(job => job with { Deleted = true })] });

        again.Deletes.ShouldBeEmpty();
        again.MaterialsToDelete.ClientCertificates.ShouldBeEmpty();
    }

    [Requirement("R18")]
    [Fact]
    public void Plan_WhenAFinishedBuildIsEditedInAFieldThatDecidesNothing_MovesTheGenerationAlone()
    {
        var snapshot = Published();
        var finished = snapshot.After(BuildPlanner.Plan(snapshot));
        finished.Build.Metadata.Generation = 2;

        var plan = BuildPlanner.Plan(finished with { Build = finished.Build with { Spec = finished.Build.Spec with { Timeout = "2h" } } });

        plan.Status.ObservedGeneration.ShouldBe(2);
        plan.Status.Phase.ShouldBe(Phases.Succeeded);
        plan.Creates.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_WhenRerunChanges_EndsTheOldJobsBeforeItBuildsAgain()
    {
        var snapshot = Published();
        var finished = snapshot.After(BuildPlanner.Plan(snapshot));
        var changed = finished with { Build = finished.Build.Edited(spec => spec with { Rerun = "2" }) };

        var ending = BuildPlanner.Plan(changed);
        var again = BuildPlanner.Plan(changed with { Jobs = [], Build = changed.Build with { Status = ending.Status } });

        ending.Deletes.Count.ShouldBe(finished.Jobs.Count);
        ending.Creates.ShouldBeEmpty();
        ending.MaterialsToDelete.ClientCertificates.ShouldBe([Certificate(finished)]);
        ending.Status.IndexDigest.ShouldBeNull();
        again.SlotRequests.Count.ShouldBe(2);
    }

    [Fact]
    public void Plan_WhenAnOldBuildIsRerun_CountsItsWaitFromTheRerunOn()
    {
        var snapshot = Published();
        var finished = snapshot.After(BuildPlanner.Plan(snapshot)).Later(TimeSpan.FromDays(3));
        var changed = finished with { Jobs = [], Build = finished.Build.Edited(spec => spec with { Rerun = "2" }) };

        var plan = BuildPlanner.Plan(changed.Granted(Amd64, Arm64));

        plan.Status.Platforms!.Select(platform => platform.Queued).ShouldBe(["0s", "0s"]);
    }

    [Fact]
    public void Plan_WhenOnePlatformFails_FailsTheBuildAndStopsTheOther()
    {
        var (snapshot, amd64, arm64) = BothRunning();

        var (plan, _, deleted) = snapshot.Replace(amd64.Ended(Failed(FailureClass.User, FailureReasons.RunStepFailed))).SettledWith();

        plan.Status.Phase.ShouldBe(Phases.Failed);
        plan.Status.Status(Conditions.Stalled).ShouldBe("True");
        plan.Status.Status(Conditions.Complete).ShouldBe("True");
        plan.Status.Status(Conditions.Succeeded).ShouldBe("False");
        plan.Status.Failure!.Class.ShouldBe("User");
        plan.Status.Failure.Step.ShouldBe("[build 3/5] RUN make");
        plan.Status.Failure.Log.ShouldBe($"kubectl logs -n team-a job/{amd64.Name} -c runner");
        deleted.ShouldBe([arm64]);
        plan.Status.Platforms!.Select(platform => platform.Phase).ShouldBe([PlatformPhases.Failed, PlatformPhases.Cancelled]);
    }

    [Fact]
    public void Plan_WhenTheLookupFails_FailsWithItsReason()
    {
        var snapshot = Snapshot(Build());
        var prepare = Running(BuildPlanner.Plan(snapshot).Creates[0]).Ended(Failed(FailureClass.Config, FailureReasons.RevisionNotFound));

        var plan = BuildPlanner.Plan(snapshot.With(prepare));

        plan.Status.Phase.ShouldBe(Phases.Failed);
        plan.Status.Failure!.Reason.ShouldBe(FailureReasons.RevisionNotFound);
    }

    [Fact]
    public void Plan_WhenPublishFails_MovesNothingAndFails()
    {
        var snapshot = Published();
        var publish = snapshot.Jobs.Single(job => job.Role == JobRoles.Publish);

        var plan = BuildPlanner.Plan(snapshot.WithoutRetries().Replace(publish.Ended(Failed(FailureClass.Registry, FailureReasons.RegistryUnavailable))));

        plan.Status.Phase.ShouldBe(Phases.Failed);
        plan.Status.IndexDigest.ShouldBeNull();
        plan.Status.Tags.ShouldBeNull();
    }

    [Fact]
    public void Plan_WhenThePodLeftNoResult_SaysThatTheRunnerWasLost()
    {
        var (snapshot, amd64, _) = BothRunning();

        var plan = snapshot.WithoutRetries().Replace(amd64.EndedWith("", 137, "OOMKilled")).Settled();

        plan.Status.Failure!.Reason.ShouldBe(FailureReasons.OutOfMemory);
    }

    [Fact]
    public void Plan_WhenTheTerminationMessageIsNoResult_BelievesNothingOfIt()
    {
        var (snapshot, amd64, _) = BothRunning();

        var plan = snapshot.WithoutRetries().Replace(amd64.EndedWith("sha256:forged", 0)).Settled();

        plan.Status.Failure!.Reason.ShouldBe(Reasons.RunnerLost);
        plan.Status.Platforms![0].ImageDigest.ShouldBeNull();
    }

    [Theory]
    [InlineData("""{"indexDigest":"sha256:short"}""")]
    [InlineData("""{"commit":"main"}""")]
    [InlineData("""{"attestations":[{"manifestDigest":"x","predicateType":"p","digest":"y","size":1}]}""")]
    [InlineData("""{"cache":{"steps":-1}}""")]
    [InlineData("""{"failure":{"class":"User","reason":"no reason at all","message":""}}""")]
    [InlineData("""{"failure":{"class":"Nobody","reason":"X","message":""}}""")]
    [InlineData("""{"failure":{"class":42,"reason":"X","message":""}}""")]
    [InlineData("{}")]
    [InlineData("""{"indexDigest":"sha256:0000000000000000000000000000000000000000000000000000000000000000"}""")]
    [InlineData("""{"indexDigest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","imageDigest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","cache":{"steps":1,"cached":1000000}}""")]
    [InlineData("""{"indexDigest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","imageDigest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","cache":{"steps":2147483647,"cached":0}}""")]
    public void Plan_WhenAResultHasNotTheShapeOfOne_BelievesNothingOfIt(string forged)
    {
        var (snapshot, amd64, _) = BothRunning();

        var plan = snapshot.WithoutRetries().Replace(amd64.EndedWith(forged, 0)).Settled();

        plan.Status.Failure!.Reason.ShouldBe(Reasons.RunnerLost);
    }

    [Fact]
    public void Plan_WhenALookupFoundNothingAndCallsItSuccess_DoesNotWaitForEver()
    {
        var snapshot = Snapshot(Build());
        var prepare = Running(BuildPlanner.Plan(snapshot).Creates[0]).EndedWith("{}", 0);

        BuildPlanner.Plan(snapshot.WithoutRetries().With(prepare)).Status.Failure!.Reason.ShouldBe(Reasons.RunnerLost);
    }

    [Fact]
    public void Plan_WhenTheOnlyPlatformHasPushedAndMovedNoTag_PublishesInAJobOfItsOwn()
    {
        var snapshot = Snapshot(Build(Amd64)).Granted(Amd64);
        var job = Running(BuildPlanner.Plan(snapshot).Creates[0]);

        var plan = BuildPlanner.Plan(snapshot.With(job.Ended(Pushed("amd64", published: false))));

        plan.Status.Status(Conditions.Ready).ShouldBe("Unknown");
        plan.Status.Phase.ShouldBe(Phases.Publishing);
        plan.Status.Image.ShouldBeNull();
        plan.Creates.ShouldHaveSingleItem().Metadata.Labels[SlipwayApi.RoleLabel].ShouldBe(JobRoles.Publish);
    }

    [Fact]
    public void Plan_WhenTheSpecIsChangedAndChangedBack_WaitsForTheOldJobsAndBuildsAgain()
    {
        var (snapshot, amd64, _) = BothRunning();
        var changed = snapshot with { Build = snapshot.Build with { Spec = snapshot.Build.Spec with { Rerun = "2" } } };
        var ending = BuildPlanner.Plan(changed);
        ending.Deletes.Count.ShouldBe(snapshot.Jobs.Count);
        foreach (var job in snapshot.Jobs) job.Job.Metadata.DeletionTimestamp = Now.UtcDateTime;
        // One of them has told how it was ended.
        var back = snapshot.Replace(amd64.Ended(Failed(FailureClass.Infrastructure, FailureReasons.Interrupted)))
            with
        { Build = snapshot.Build with { Status = ending.Status } };

        var waiting = BuildPlanner.Plan(back);
        var again = BuildPlanner.Plan((back with { Jobs = [], Build = back.Build with { Status = waiting.Status with { Commit = Commit } } }).Granted(Amd64, Arm64));

        waiting.Status.Phase.ShouldBe(Phases.Pending);
        waiting.Status.Failure.ShouldBeNull();
        waiting.Creates.ShouldBeEmpty();
        again.Creates.Count.ShouldBe(2);
        again.ClientCertificates.ShouldHaveSingleItem("the first one went with the Jobs");
    }

    [Fact]
    public void Plan_WhenAPlatformStartsAfterAnotherHasEnded_MakesNoSecondCertificate()
    {
        var (snapshot, amd64, arm64) = BothRunning();
        var pushed = snapshot with { Jobs = [.. snapshot.Jobs.Where(job => job.Name != arm64.Name)] };
        var ended = pushed.Replace(amd64.Ended(Pushed("amd64")));
        var late = ended with
        {
            Build = ended.Build with
            {
                Status = ended.Build.Status! with
                {
                    Platforms = [.. ended.Build.Status.Platforms!.Where(platform => platform.Platform == Amd64)
                .Append(new PlatformBuildStatus { Platform = Arm64, Phase = PlatformPhases.Queued })]
                }
            },
        };

        var plan = BuildPlanner.Plan(late.Granted(Arm64));

        plan.Creates.Count.ShouldBe(1);
        plan.ClientCertificates.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_WhenThePoolIsRekeyedWhileOnePlatformRuns_MakesTheOtherACertificateOfItsOwn()
    {
        var (snapshot, _, arm64) = BothRunning();
        var queued = snapshot.Build.Status!.Platforms!.Select(platform => platform.Platform == Amd64 ? platform : new PlatformBuildStatus { Platform = Arm64, Phase = PlatformPhases.Queued });
        var waiting = snapshot with
        {
            Jobs = [.. snapshot.Jobs.Where(job => job.Name != arm64.Name)],
            Build = snapshot.Build with { Status = snapshot.Build.Status with { Platforms = [.. queued] } },
        };
        var rekeyed = Builder(Arm64) with { Authority = "99887766" };

        var plan = BuildPlanner.Plan(waiting with { Slots = new Dictionary<string, SlotAnswer> { [Arm64] = SlotAnswer.Granted(rekeyed) } });

        var request = plan.ClientCertificates.ShouldHaveSingleItem();
        request.Authority.ShouldBe("99887766");
        request.Secret.Name.ShouldNotBe(Certificate(waiting));
        new BuildJob(plan.Creates.Single(), []).ClientCertificate.ShouldBe(request.Secret.Name);
    }

    [Fact]
    public void Plan_WhenPlatformsStartOnBuildersOfTwoAuthorities_MakesACertificateForEach()
    {
        var rekeyed = Builder(Arm64) with { Authority = "99887766" };
        var snapshot = Snapshot(OfCommit(Amd64, Arm64)) with
        {
            Slots = new Dictionary<string, SlotAnswer> { [Amd64] = SlotAnswer.Granted(Builder(Amd64)), [Arm64] = SlotAnswer.Granted(rekeyed) },
        };

        var plan = BuildPlanner.Plan(snapshot);

        plan.ClientCertificates.Select(request => request.Authority).ShouldBe([Authority, "99887766"]);
        plan.Creates.Select(job => new BuildJob(job, []).ClientCertificate).ShouldBe(plan.ClientCertificates.Select(request => request.Secret.Name));
    }

    [Fact]
    public void Plan_WhenTheQueueIsLeft_KeepsWhatEachPlatformHasWaited()
    {
        var snapshot = Snapshot(OfCommit());
        var busy = snapshot with { Slots = new Dictionary<string, SlotAnswer> { [Amd64] = SlotAnswer.Waiting(WaitReason.NoBuilderFree), [Arm64] = SlotAnswer.Waiting(WaitReason.NoBuilderFree) } };
        var queued = busy.After(BuildPlanner.Plan(busy));
        var three = queued.Later(TimeSpan.FromSeconds(3)).Granted(Amd64, Arm64);
        var started = three.After(BuildPlanner.Plan(three));

        var after = BuildPlanner.Plan(started.Later(TimeSpan.FromSeconds(8)));

        started.Build.Status!.Platforms!.Select(platform => platform.Queued).ShouldBe(["3s", "3s"]);
        after.Status.Platforms!.Select(platform => platform.Queued).ShouldBe(["3s", "3s"]);
        after.Status.Conditions!.Single(condition => condition.Type == Conditions.Reconciling).Message.ShouldBe($"Building {Amd64}, {Arm64}.");
    }

    [Fact]
    public void Plan_WhenTheRunnerImageCannotBePulled_GivesUpAfterTheGraceAndDeletesTheJob()
    {
        var (snapshot, amd64, arm64) = BothRunning();
        var waiting = amd64.WithPod(new V1ContainerState { Waiting = new V1ContainerStateWaiting { Reason = "ImagePullBackOff" } });
        var stuck = snapshot.Replace(waiting);

        var early = BuildPlanner.Plan(stuck);
        var (late, _, deleted) = stuck.Later(Options.NotStartedAfter).SettledWith();

        early.Status.Phase.ShouldBe(Phases.Building);
        early.RequeueAfter.ShouldBe(Options.NotStartedAfter);
        late.Status.Failure!.Reason.ShouldBe(Reasons.RunnerImagePullFailed);
        deleted.Select(job => job.Name).ShouldBe([amd64.Name, arm64.Name], ignoreOrder: true);
    }

    [Fact]
    public void Plan_WhenNoNodeTakesThePod_GivesUpAfterTheLimit()
    {
        var (snapshot, amd64, _) = BothRunning();
        var stuck = snapshot.Replace(amd64.WithPod(null, "Pending", new V1PodCondition { Type = "PodScheduled", Status = "False", Reason = "Unschedulable" }));

        BuildPlanner.Plan(stuck).RequeueAfter.ShouldBe(Options.UnschedulableAfter);
        stuck.Later(Options.UnschedulableAfter).Settled().Status.Failure!.Reason.ShouldBe(Reasons.RunnerUnschedulable);
    }

    // Its Job goes, and with it all that told of the failure: another one would follow for ever.
    [Fact]
    public void Plan_WhenNoNodeTakesThePodOfTheLookup_FailsInThePassThatDeletesIt()
    {
        var snapshot = Snapshot(Build());
        var prepare = Running(BuildPlanner.Plan(snapshot).Creates[0]);
        var stuck = snapshot.With(prepare.WithPod(null, "Pending", new V1PodCondition { Type = "PodScheduled", Status = "False", Reason = "Unschedulable" }));

        var plan = BuildPlanner.Plan(stuck.Later(Options.UnschedulableAfter));

        plan.Status.Phase.ShouldBe(Phases.Failed);
        plan.Status.Failure!.Reason.ShouldBe(Reasons.RunnerUnschedulable);
        plan.Deletes.ShouldHaveSingleItem();
    }

    [Fact]
    public void Plan_WhenNoNodeTakesThePodOfThePublishJob_FailsWithThatReason()
    {
        var publishing = WhilePublishing();
        var publish = publishing.Jobs.Single(job => job.Role == JobRoles.Publish);
        var stuck = publishing.Replace(publish.WithPod(null, "Pending", new V1PodCondition { Type = "PodScheduled", Status = "False", Reason = "Unschedulable" }));

        var plan = BuildPlanner.Plan(stuck.Later(Options.UnschedulableAfter));

        plan.Status.Phase.ShouldBe(Phases.Failed);
        plan.Status.Failure!.Reason.ShouldBe(Reasons.RunnerUnschedulable);
        plan.Deletes.ShouldContain(job => job.Name == publish.Name);
    }

    [Fact]
    public void Plan_WhenNoPodCanBeCreated_GivesUpAndNamesTheCommandThatSaysWhy()
    {
        var (snapshot, amd64, _) = BothRunning();
        var stuck = snapshot.Replace(amd64 with { Pods = [] });

        BuildPlanner.Plan(stuck.Later(Options.NotStartedAfter)).Deletes.ShouldBeEmpty("a quota may be full for a moment");
        var (plan, _, deleted) = stuck.Later(Options.UnschedulableAfter).SettledWith();

        plan.Status.Failure!.Reason.ShouldBe(Reasons.RunnerRefused);
        plan.Status.Failure.Message!.ShouldContain($"--field-selector involvedObject.name={amd64.Name}");
        // The Job is deleted with it, and there never was a log.
        deleted.ShouldContain(job => job.Name == amd64.Name);
        plan.Status.Failure.Log.ShouldBeNull();
        plan.Status.Platforms![0].Failure!.Log.ShouldBeNull();
    }

    // Deleted without grace: before Kubernetes 1.27 the Job starts another one, since then it fails.
    [Fact]
    public void Plan_WhenThePodOfAJobIsGone_WaitsForTheJobController()
    {
        var (snapshot, amd64, _) = BothRunning();
        amd64.Job.Status = new V1JobStatus { Active = 1 };

        var plan = BuildPlanner.Plan(snapshot.Replace(amd64 with { Pods = [] }).Later(TimeSpan.FromMinutes(20)));

        plan.Status.Phase.ShouldBe(Phases.Building);
        plan.Deletes.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_WhenTheTimeIsOver_WaitsForTheRunnersOwnReportFirst()
    {
        var (snapshot, _, _) = BothRunning();

        BuildPlanner.Plan(snapshot.Later(TimeSpan.FromHours(1))).Status.Phase.ShouldBe(Phases.Building);
        var (plan, _, deleted) = snapshot.Later(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(90)).SettledWith();

        plan.Status.Failure!.Class.ShouldBe("Timeout");
        deleted.Count.ShouldBe(2);
    }

    [Fact]
    public void Plan_WhenTheTimeIsOverButEveryPlatformHasPushed_PublishesAllTheSame()
    {
        var (snapshot, amd64, arm64) = BothRunning();
        var pushed = snapshot.Replace(amd64.Ended(Pushed("a"))).Replace(arm64.Ended(Pushed("b")));

        BuildPlanner.Plan(pushed.Later(TimeSpan.FromHours(2))).Status.Phase.ShouldBe(Phases.Publishing);
    }

    [Fact]
    public void Plan_WhenTheBuildIsBeingDeleted_StartsNothingInPlaceOfTheJobsThatGo()
    {
        var (snapshot, _, _) = BothRunning();
        snapshot.Build.Metadata.DeletionTimestamp = Now.UtcDateTime;

        var plan = BuildPlanner.Plan(snapshot.Granted(Amd64, Arm64).Later(TimeSpan.FromMinutes(1)) with { Jobs = [] });

        plan.Creates.ShouldBeEmpty();
        plan.WithdrawSlots.ShouldBeTrue();
        plan.Status.ShouldBe(snapshot.Build.Status);
    }

    [Fact]
    public void Plan_WhileItWaitsForABuilder_TimeDoesNotRun()
    {
        var snapshot = Snapshot(Build(Amd64)) with { Slots = new Dictionary<string, SlotAnswer> { [Amd64] = SlotAnswer.Waiting(WaitReason.NoBuilderFree) } };

        BuildPlanner.Plan(snapshot.Later(TimeSpan.FromDays(2))).Status.Phase.ShouldBe(Phases.Queued);
    }

    [Fact]
    public void Plan_WhenSomebodyDeletedTheJob_FailsInsteadOfWaitingForEver()
    {
        var (snapshot, _, arm64) = BothRunning();
        var deleted = snapshot.WithoutRetries() with { Jobs = [arm64] };

        BuildPlanner.Plan(deleted).RequeueAfter.ShouldBe(JobResult.StoreLag);
        deleted.Later(JobResult.StoreLag).Settled().Status.Failure!.Reason.ShouldBe(Reasons.RunnerLost);
    }

    [Requirement("R18")]
    [Fact]
    public void Plan_WhenThereIsNoPool_StallsAndGoesOnWhenItComes()
    {
        var snapshot = Snapshot(OfCommit()) with { Pool = null };

        var stalled = BuildPlanner.Plan(snapshot);
        var resumed = BuildPlanner.Plan(Snapshot(OfCommit() with { Status = stalled.Status }));

        stalled.Status.Failure!.Reason.ShouldBe(Reasons.PoolNotFound);
        stalled.Status.Status(Conditions.Stalled).ShouldBe("True");
        stalled.Status.CompletedAt.ShouldBeNull();
        resumed.SlotRequests.Count.ShouldBe(2);
        resumed.Status.Status(Conditions.Stalled).ShouldBeNull();
        resumed.Status.Failure.ShouldBeNull();
    }

    [Fact]
    public void Plan_WhenThePoolAdmitsOnlyItsOwnNamespace_Stalls()
    {
        var pool = Pool();
        var plan = BuildPlanner.Plan(Snapshot(OfCommit()) with { Pool = pool with { Spec = pool.Spec with { AllowedNamespaces = null } } });

        plan.Status.Failure!.Reason.ShouldBe(Reasons.NamespaceNotAllowed);
    }

    [Theory]
    [InlineData("builders", true)]
    [InlineData("other", false)]
    public void Plan_WhenThePoolAdmitsByLabel_LooksAtTheNamespacesLabels(string team, bool admitted)
    {
        var pool = Pool();
        var selector = new V1LabelSelector { MatchLabels = new Dictionary<string, string> { ["team"] = "builders" } };
        var snapshot = Snapshot(OfCommit()) with
        {
            Pool = pool with { Spec = pool.Spec with { AllowedNamespaces = new AllowedNamespaces { From = "Selector", Selector = selector } } },
            NamespaceLabels = new Dictionary<string, string> { ["team"] = team },
        };

        BuildPlanner.Plan(snapshot).Status.Failure?.Reason.ShouldBe(Reasons.NamespaceNotAllowed);
        (BuildPlanner.Plan(snapshot).SlotRequests.Count == 2).ShouldBe(admitted);
    }

    // The build's event may come before that of its namespace, and then a refusal would be a failure that nobody caused.
    [Fact]
    public void Plan_WhenItsNamespaceIsNotInTheStoreYet_WaitsInsteadOfRefusing()
    {
        var pool = Pool();
        var selector = new V1LabelSelector { MatchLabels = new Dictionary<string, string> { ["team"] = "builders" } };
        var plan = BuildPlanner.Plan(Snapshot(OfCommit()) with
        {
            Pool = pool with { Spec = pool.Spec with { AllowedNamespaces = new AllowedNamespaces { From = "Selector", Selector = selector } } },
            NamespaceLabels = null,
        });

        plan.Status.Phase.ShouldBe(Phases.Pending);
        plan.Status.Failure.ShouldBeNull();
        plan.SlotRequests.ShouldBeEmpty();
    }

    [Fact]
    public void Plan_WhenThePoolLacksThePlatform_NamesThoseItHas()
    {
        var plan = BuildPlanner.Plan(Snapshot(OfCommit(Amd64, "linux/s390x")));

        plan.Status.Failure!.Reason.ShouldBe(Reasons.PlatformNotInPool);
        plan.Status.Failure.Message!.ShouldContain("linux/amd64, linux/arm64");
    }

    [Fact]
    public void Plan_WhenThePoolIsStalled_PassesItsReasonOn()
    {
        var pool = Pool();
        var plan = BuildPlanner.Plan(Snapshot(OfCommit()) with
        {
            Pool = pool with
            {
                Status = new BuilderPoolStatus
                {
                    ObservedGeneration = 1,
                    Conditions = [new V1Condition { Type = Conditions.Stalled, Status = "True", Reason = Reasons.BuilderImagePullFailed, Message = "The image is not there." }],
                },
            },
        });

        plan.Status.Failure!.Reason.ShouldBe(Reasons.PoolStalled);
        plan.Status.Failure.Message!.ShouldContain("The image is not there.");
    }

    [Fact]
    public void Plan_WhenTheSpecIsInvalid_StallsWithEveryError()
    {
        var plan = BuildPlanner.Plan(Snapshot(OfCommit()) with { ValidationErrors = ["spec.output.tags: at least one.", "spec.timeout: too long."] });

        plan.Status.Failure!.Reason.ShouldBe(Reasons.Invalid);
        plan.Status.Failure.Message.ShouldBe("spec.output.tags: at least one. spec.timeout: too long.");
    }

    [Fact]
    public void Plan_WhenThePoolGainsAPlatformLater_KeepsWhatWasDecided()
    {
        var (snapshot, _, _) = BothRunning();
        var pool = Pool();

        var plan = BuildPlanner.Plan(snapshot with { Pool = pool with { Spec = pool.Spec with { Platforms = [.. pool.Spec.Platforms, new PoolPlatform { Platform = "linux/riscv64" }] } } });

        plan.Status.Platforms!.Count.ShouldBe(2);
    }

    [Fact]
    public void Plan_WhenTheCacheCredentialsAreMissing_SaysSoAndSucceedsAllTheSame()
    {
        var snapshot = Published();
        var amd64 = snapshot.Jobs.Single(job => job.Platform == Amd64);
        var missing = Pushed("a") with { Cache = new CacheResult { Steps = 12, Problem = new CacheProblem(CacheProblemKind.CredentialsMissing, "The Secret is not here.") } };
        var build = snapshot.Build with { Status = snapshot.Build.Status! with { Platforms = null } };

        var plan = BuildPlanner.Plan(snapshot.Replace(amd64.Ended(missing)) with { Build = build });

        plan.Status.Phase.ShouldBe(Phases.Succeeded);
        plan.Status.Conditions!.Single(condition => condition.Type == Conditions.CacheHealthy).Reason.ShouldBe(Reasons.CacheCredentialsMissing);
    }

    private static string KubernetesJsonOf(ImageBuildStatus status) => k8s.KubernetesJson.Serialize(status);

    private static BuildDescription DescriptionOf(V1Job job) => RunnerJson.Deserialize<BuildDescription>(job.Spec.Template.Spec.Containers[0].Args[2]);

    private static string Certificate(BuildSnapshot snapshot) =>
        ChildNames.ClientCertificate(snapshot.Build.Metadata.Name, snapshot.Build.Metadata.Uid, snapshot.BuildKey, Authority);
}
