using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Events;
using Slipway.Kube.Writing;
using Slipway.Pki;
using Slipway.Scheduling;
using Slipway.Tests.Unit.Pools;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>The order of a pass's acts, which an interruption may cut anywhere.</summary>
public sealed class ImageBuildControllerTests
{
    private readonly FakeCluster _cluster = new();
    private readonly ISlots _slots = Substitute.For<ISlots>();
    private readonly ImageBuildController _controller;

    public ImageBuildControllerTests()
    {
        var deleter = new Deleter(_cluster);
        var observer = new BuildObserver(
            new FakeStore<V1Alpha1BuilderPool>(_cluster), new FakeStore<V1Job>(_cluster, keys: BuildObserver.OwnerOf), new FakeStore<V1Pod>(_cluster, keys: BuildObserver.OwnerOf),
            new FakeStore<V1Namespace>(_cluster), deleter, Options, new FakeTimeProvider(Now));
        _controller = new ImageBuildController(
            observer, _cluster, deleter, new StatusWriter(_cluster), _slots, Substitute.For<IClientCertificates>(), Substitute.For<IEventRecorder>(), NullLogger<ImageBuildController>.Instance);
    }

    [Fact]
    public async Task Reconcile_WhenTheJobOfABuilderOutsideTheClusterHasEnded_TellsTheScheduler()
    {
        var build = Build(Amd64);
        var plan = BuildPlanner.Plan(Snapshot(build).With(Amd64, SlotAnswer.Granted(Endpoint())));
        var ended = Running(plan.Creates.Single()).Ended(Pushed("amd64", published: true));
        ended.Pods[0].Metadata.OwnerReferences = [new V1OwnerReference { Kind = "Job", Name = ended.Name, Uid = ended.Uid, Controller = true }];
        _cluster.Put(Pool());
        _cluster.Put(ended.Job);
        _cluster.Put(ended.Pods[0]);
        _cluster.Put(build with { Status = plan.Status });

        await _controller.ReconcileAsync(_cluster.Find<V1Alpha1ImageBuild>(NamespacedName.Of(build))!, TestContext.Current.CancellationToken);

        _slots.Received(1).Report(new JobOutcome(NamespacedName.Of(Pool()), Amd64, Endpoint().Uid, ended.Uid, Reached: true));
    }

    // What is to be deleted is read from the Jobs: without them nobody would come back for the rest.
    [Fact]
    public async Task Reconcile_WhenAnOlderSpecsJobsGo_DeletesWhatTheyNeededBeforeThem()
    {
        var build = Build(Amd64);
        var job = BuildPlanner.Plan(Snapshot(build).Granted(Amd64)).Creates.Single();
        _cluster.Put(Pool());
        _cluster.Put(job);
        var changed = build with { Spec = build.Spec with { Rerun = "2" } };
        _cluster.Put(changed);

        await _controller.ReconcileAsync(_cluster.Find<V1Alpha1ImageBuild>(NamespacedName.Of(changed))!, TestContext.Current.CancellationToken);

        _cluster.Calls.Select(call => string.Join(' ', call.Split(' ').Take(2))).ShouldBe(["DELETE Secret", "DELETE Job", "STATUS ImageBuild"]);
    }
}
