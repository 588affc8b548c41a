using System.Net;
using k8s.Models;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using NSubstitute.ExceptionExtensions;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Cache;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Events;
using Slipway.Kube.Telemetry;
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
    private readonly FakeTimeProvider _time = new(Now);
    private readonly ISlots _slots = Substitute.For<ISlots>();
    private readonly ImageBuildController _controller;
    private readonly ICacheLedger _caches = Substitute.For<ICacheLedger>();
    private readonly IClientCertificates _certificates = Substitute.For<IClientCertificates>();

    public ImageBuildControllerTests()
    {
        var deleter = new Deleter(_cluster);
        var observer = new BuildObserver(
            new FakeStore<V1Alpha1ImageBuild>(_cluster, keys: build => Rivals.TagsOf(build).Concat(Rivals.GroupOf(build))), new FakeStore<V1Alpha1BuilderPool>(_cluster), new FakeStore<V1Job>(_cluster, keys: BuildObserver.OwnerOf), new FakeStore<V1Pod>(_cluster, keys: BuildObserver.OwnerOf),
            new FakeStore<V1Node>(_cluster), new FakeStore<V1Namespace>(_cluster), _caches, deleter, Options, _time);
        _controller = new ImageBuildController(
            observer, _cluster, deleter, new StatusWriter(_cluster), _slots, new TagTurns(_time), _certificates,
            new BuildReporter(Substitute.For<IEventRecorder>(), new BuildMetrics(new OperatorMetrics(), new FakeStore<V1Alpha1BuilderPool>(_cluster))), _caches, NullLogger<ImageBuildController>.Instance);
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

        _caches.Received(1).Record(Arg.Is<V1Alpha1BuilderPool>(pool => pool.Metadata.Name == "farm"), Arg.Is<CacheUse>(use => use.Platform == Amd64 && use.Ratio > 0.9 && !use.Exported));
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

    [Fact]
    public async Task Reconcile_WhenThePoolIsRekeyedUnderIt_StartsNoJobAndComesAgain()
    {
        var build = Build(Amd64);
        _cluster.Put(Pool());
        _cluster.Put(build);
        _slots.Request([]).ReturnsForAnyArgs(new Dictionary<string, SlotAnswer> { [Amd64] = SlotAnswer.Granted(Builder()) });
        _certificates.IssueClientAsync(default!, default, default, default, TestContext.Current.CancellationToken).ThrowsAsyncForAnyArgs(new AuthorityChangedException(Pool()));

        var result = await _controller.ReconcileAsync(_cluster.Find<V1Alpha1ImageBuild>(NamespacedName.Of(build))!, TestContext.Current.CancellationToken);

        result.IsSuccess.ShouldBeFalse();
        await _certificates.Received().IssueClientAsync(Arg.Any<V1Alpha1BuilderPool>(), Authority, Arg.Any<NamespacedName>(), Arg.Any<TimeSpan>(), TestContext.Current.CancellationToken);
        _cluster.Calls.ShouldNotContain(call => call.StartsWith("CREATE", StringComparison.Ordinal) || call.StartsWith("STATUS", StringComparison.Ordinal));
        // A slot that cannot be used would keep the builder from being retired for as long as a grant lasts.
        _slots.Received(1).Withdraw(NamespacedName.Of(build));
    }

    // The Job is made, the write of status met the cancel's own and was refused, and the store does not show the Job yet.
    [Fact]
    public async Task Reconcile_WhenItIsCancelledInTheMomentThatItsPublishJobIsMade_GoesOn()
    {
        var build = PutPushed();

        await _controller.ReconcileAsync(build, TestContext.Current.CancellationToken);
        var publish = _cluster.Calls.Single(call => call.StartsWith("CREATE Job", StringComparison.Ordinal));
        foreach (var job in _cluster.All<V1Job>()) _cluster.Remove<V1Job>(NamespacedName.Of(job));
        var result = await _controller.ReconcileAsync(build with { Spec = build.Spec with { Cancel = true } }, TestContext.Current.CancellationToken);

        result.Entity.Status!.Phase.ShouldBe(Phases.Publishing);
        _cluster.Calls.Count(call => call == publish).ShouldBe(2);
    }

    [Fact]
    public async Task Reconcile_WhenItIsCancelledAfterItsPublishJobWasRefused_EndsIt()
    {
        var build = PutPushed();
        _cluster.OnCall = call =>
        {
            if (call.StartsWith("CREATE Job", StringComparison.Ordinal)) throw new KubeApiException(HttpStatusCode.Forbidden, "Forbidden", "exceeded quota");
        };

        await Should.ThrowAsync<KubeApiException>(() => _controller.ReconcileAsync(build, TestContext.Current.CancellationToken));
        var result = await _controller.ReconcileAsync(build with { Spec = build.Spec with { Cancel = true } }, TestContext.Current.CancellationToken);

        result.Entity.Status!.Phase.ShouldBe(Phases.Cancelled);
    }

    [Fact]
    public async Task Reconcile_WhenItsTimeIsOverAndAnOlderBuildHasItsTags_GoesOnceThatKnows()
    {
        var snapshot = Published();
        var ended = snapshot.Build with { Spec = snapshot.Build.Spec with { TtlAfterFinished = "0s" }, Status = BuildPlanner.Plan(snapshot).Status };
        var older = Build();
        (older.Metadata.Name, older.Metadata.Uid) = ("older", "older");
        older = older with { Status = new ImageBuildStatus { RequestedAt = ended.Status!.RequestedAt!.Value.AddMinutes(-1) } };
        _cluster.Put(Pool());
        _cluster.Put(ended);
        _cluster.Put(older);

        await _controller.ReconcileAsync(ended, TestContext.Current.CancellationToken);
        _cluster.Calls.ShouldNotContain(call => call.StartsWith("DELETE ImageBuild", StringComparison.Ordinal));
        _cluster.Put(older with { Status = older.Status! with { SupersededTags = ended.Status.Tags } });
        await _controller.ReconcileAsync(ended, TestContext.Current.CancellationToken);

        _cluster.Calls.Last().ShouldStartWith("DELETE ImageBuild team-a/hello");
    }

    /// <summary>A build whose status says that both platforms are pushed; what is next is to publish.</summary>
    private V1Alpha1ImageBuild PutPushed()
    {
        var (running, amd64, arm64) = BothRunning();
        var pushed = running.Replace(amd64.Ended(Pushed("a"))).Replace(arm64.Ended(Pushed("b")));
        _cluster.Put(Pool());
        _cluster.Put(pushed.Build with { Status = pushed.Build.Status! with { Platforms = BuildPlanner.Plan(pushed).Status.Platforms } });
        return _cluster.Find<V1Alpha1ImageBuild>(NamespacedName.Of(pushed.Build))!;
    }
}
