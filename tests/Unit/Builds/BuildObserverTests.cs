using k8s.Models;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Cache;
using Slipway.Kube.Writing;
using Slipway.Tests.Unit.Pools;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>What stores tell of a build's Jobs.</summary>
public sealed class BuildObserverTests
{
    private readonly FakeCluster _cluster = new();

    /// <summary>An older Job controller makes a pod for one that is to go, and the one node that it may go to does not answer.</summary>
    [Theory]
    [InlineData("node of another pod lost", false, null, true)]
    [InlineData("node of another pod lost, and this one on a node that lives", false, "other", false)]
    [InlineData("node that lives", true, null, false)]
    public void Observe_OfAJobWithAPodThatGoes_KnowsWhetherItsNodeIsLost(string what, bool lives, string? second, bool lost)
    {
        var build = Build(Amd64);
        var job = BuildPlanner.Plan(Snapshot(build).Granted(Amd64)).Creates.Single();
        job.Metadata.Uid = "uid-of-job";
        _cluster.Put(job);
        _cluster.Put(Node("gone", lives));
        _cluster.Put(Node("other", lives: true));
        _cluster.Put(Pod("first", "gone", goes: true));
        _cluster.Put(Pod("second", second, goes: false));

        Observer().Observe(build).Jobs.ShouldHaveSingleItem().NodeLost.ShouldBe(lost, what);
    }

    private BuildObserver Observer() => new(
        new FakeStore<V1Alpha1ImageBuild>(_cluster, keys: build => Rivals.TagsOf(build).Concat(Rivals.GroupOf(build))), new FakeStore<V1Alpha1BuilderPool>(_cluster),
        new FakeStore<V1Job>(_cluster, keys: _ => [Build(Amd64).Metadata.Uid]), new FakeStore<V1Pod>(_cluster, keys: BuildObserver.OwnerOf), new FakeStore<V1Node>(_cluster),
        new FakeStore<V1Namespace>(_cluster), Substitute.For<ICacheLedger>(), new Deleter(_cluster), Options, new FakeTimeProvider(Now));

    private static V1Node Node(string name, bool lives) => new()
    {
        Metadata = new V1ObjectMeta { Name = name },
        Status = new V1NodeStatus { Conditions = [new V1NodeCondition { Type = "Ready", Status = lives ? "True" : "Unknown" }] },
    };

    private static V1Pod Pod(string name, string? node, bool goes) => new()
    {
        Metadata = new V1ObjectMeta
        {
            Name = name,
            NamespaceProperty = Build(Amd64).Metadata.NamespaceProperty,
            DeletionTimestamp = goes ? Now.UtcDateTime : null,
            OwnerReferences = [new V1OwnerReference { Kind = "Job", Name = "job", Uid = "uid-of-job", Controller = true }],
        },
        Spec = new V1PodSpec { NodeName = node },
        Status = new V1PodStatus { Phase = node is null ? "Pending" : "Running" },
    };
}
