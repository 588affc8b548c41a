using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Scheduling;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>What a build that waits for a builder says, and when it may wait at all.</summary>
public sealed class QueueTests
{
    [Theory]
    [InlineData(WaitReason.WarmBuilderBusy, WaitReason.WarmBuilderBusy, "WarmBuilderBusy")]
    [InlineData(WaitReason.WarmBuilderBusy, WaitReason.NoBuilderFree, "NoBuilderFree")]
    [InlineData(WaitReason.WarmBuilderBusy, WaitReason.NoBuilderReady, "NoBuilderReady")]
    public void Reason_WhenPlatformsWaitForDifferentThings_IsTheHardestOfThem(object amd64, object arm64, string reason)
    {
        var status = Waiting(Pool(), (Amd64, (WaitReason)amd64), (Arm64, (WaitReason)arm64));

        status.Queue!.Reason.ShouldBe(reason);
        status.Conditions!.Single(condition => condition.Type == Conditions.Ready).Reason.ShouldBe(reason);
    }

    [Fact]
    public void Message_WhenTheWarmBuilderIsBusy_SaysThatItIsWaitedForAMoment() =>
        MessageOf(Waiting(Pool(), (Amd64, WaitReason.WarmBuilderBusy))).ShouldBe(
            "The builder of BuilderPool builders/farm that is warm for linux/amd64 is busy: the build waits a moment for it before it takes another one.");

    [Fact]
    public void Message_WhenThePoolScalesFromZero_SaysThatBuildersAreStarted() =>
        MessageOf(Waiting(FromZero(Pool()), (Amd64, WaitReason.NoBuilderReady))).ShouldBe(
            "No builder of BuilderPool builders/farm is ready for linux/amd64. Builders are being started.");

    [Fact]
    public void Message_WhenBuildersShouldBeThere_PromisesNothing() =>
        MessageOf(Waiting(Pool(), (Amd64, WaitReason.NoBuilderReady))).ShouldBe("No builder of BuilderPool builders/farm is ready for linux/amd64.");

    // To refuse it would take the demand away that brings a builder: it would come and go for ever.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Plan_WhenThePoolIsStalledAndScalesFromZero_WaitsAndPassesOnWhatStallsIt(int desired)
    {
        var status = Waiting(Stalled(FromZero(Pool()), desired), (Amd64, WaitReason.NoBuilderReady));

        status.Phase.ShouldBe(Phases.Queued);
        MessageOf(status).ShouldEndWith("The pool is stalled: The image is not there.");
    }

    [Fact]
    public void Plan_WhenThePoolIsStalledForAnotherPlatform_SendsToEndpointsAllTheSame()
    {
        var pool = Pool();
        pool = pool with
        {
            Spec = pool.Spec with
            {
                Platforms = [new PoolPlatform { Platform = Amd64, Endpoints = [new PoolEndpoint { Address = "tcp://a:1", TlsSecretRef = new LocalReference { Name = "client" } }] }],
            },
        };

        Waiting(Stalled(pool, desired: 1), (Amd64, WaitReason.NoBuilderReady)).Phase.ShouldBe(Phases.Queued);
    }

    private static string MessageOf(ImageBuildStatus status) => status.Conditions!.Single(condition => condition.Type == Conditions.Ready).Message;

    private static ImageBuildStatus Waiting(V1Alpha1BuilderPool pool, params (string Platform, WaitReason Reason)[] waits)
    {
        var build = Build([.. waits.Select(wait => wait.Platform)]);
        build = build with { Spec = build.Spec with { Source = new BuildSource { Git = build.Spec.Source.Git! with { Revision = Commit } } } };
        return BuildPlanner.Plan(Snapshot(build) with { Pool = pool, Slots = waits.ToDictionary(wait => wait.Platform, wait => SlotAnswer.Waiting(wait.Reason)) }).Status;
    }

    private static V1Alpha1BuilderPool FromZero(V1Alpha1BuilderPool pool) => pool with
    {
        Spec = pool.Spec with { Platforms = [.. pool.Spec.Platforms.Select(platform => platform with { Replicas = new PoolReplicas { Min = 0, Max = 4 } })] },
    };

    private static V1Alpha1BuilderPool Stalled(V1Alpha1BuilderPool pool, int desired) => pool with
    {
        Status = new BuilderPoolStatus
        {
            ObservedGeneration = 1,
            Conditions = [new V1Condition { Type = Conditions.Stalled, Status = "True", Reason = Reasons.BuilderImagePullFailed, Message = "The image is not there." }],
            Platforms = [new PoolPlatformStatus { Platform = Amd64, Desired = desired, Ready = 0 }],
        },
    };
}
