using System.Text.Json.Nodes;
using k8s.Models;
using Microsoft.Extensions.Time.Testing;
using NSubstitute;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Cache;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Writing;
using Slipway.Runner;
using Slipway.Tests.Unit.Pools;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>One build and its pool in a cluster in memory, with what syncs the one from Git, and what runs its Jobs, four minutes each.</summary>
internal sealed class ResyncWorld
{
    private static readonly TimeSpan JobTime = TimeSpan.FromMinutes(4);

    private readonly FakeCluster _cluster = new();
    private readonly FakeTimeProvider _time = new(Now);
    private BuildObserver? _observer;
    private DateTimeOffset? _wake;

    public ResyncWorld()
    {
        _cluster.Put(Pool());
        _cluster.Put(BuildFixture.Build(Amd64, Arm64));
    }

    /// <summary>Whether its first platform's Dockerfile is bad.</summary>
    public bool Fails { get; init; }

    /// <summary>Every Job that was created: role and platform.</summary>
    public List<string> Created { get; } = [];

    public int Syncs { get; private set; }

    public V1Alpha1ImageBuild Build => _cluster.All<V1Alpha1ImageBuild>().Single();

    public IReadOnlyList<V1Job> Jobs => _cluster.All<V1Job>();

    /// <summary>Another operator, which knows nothing but what the cluster shows it.</summary>
    public void Restart()
    {
        _observer = new BuildObserver(
            new FakeStore<V1Alpha1ImageBuild>(_cluster, keys: build => Rivals.TagsOf(build).Concat(Rivals.GroupOf(build))), new FakeStore<V1Alpha1BuilderPool>(_cluster),
            new FakeStore<V1Job>(_cluster, keys: BuildObserver.OwnerOf),
            new FakeStore<V1Pod>(_cluster, keys: BuildObserver.OwnerOf), new FakeStore<V1Node>(_cluster), new FakeStore<V1Namespace>(_cluster), Substitute.For<ICacheLedger>(), new Deleter(_cluster), Options, _time);
        _wake = _time.GetUtcNow();
    }

    /// <summary>The same object once more: only what says who wrote it when is another.</summary>
    public void Sync()
    {
        Syncs++;
        var build = Build;
        build.Metadata.ResourceVersion = null;
        build.Metadata.Annotations = new Dictionary<string, string> { ["example.com/synced-at"] = $"{_time.GetUtcNow():O}" };
        build.Metadata.ManagedFields = [new V1ManagedFieldsEntry { Manager = "gitops", Operation = "Apply", Time = _time.GetUtcNow().UtcDateTime }];
        _cluster.Put(build);
        _wake = _time.GetUtcNow();
    }

    /// <summary>The object with another spec, and so of another generation.</summary>
    public void Edit(Func<ImageBuildSpec, ImageBuildSpec> edit) => _cluster.Put(Build.Edited(edit));

    /// <summary>That much time passes: the operator looks where it has been told something or wanted to look again, and Jobs end.</summary>
    public void Run(TimeSpan time)
    {
        var end = _time.GetUtcNow() + time;
        while (Next() is { } next && next <= end)
        {
            if (next > _time.GetUtcNow()) _time.SetUtcNow(next);
            EndJobs();
            if (_wake <= _time.GetUtcNow()) Pass();
        }

        _time.SetUtcNow(end);
    }

    private DateTimeOffset? Next() => Alive().Select(pod => (DateTimeOffset?)EndOf(pod)).Append(_wake).Where(moment => moment is not null).Min();

    private IEnumerable<V1Pod> Alive() => _cluster.All<V1Pod>().Where(pod => pod.Status.Phase == "Running");

    private static DateTimeOffset EndOf(V1Pod pod) => new DateTimeOffset(pod.Metadata.CreationTimestamp!.Value, TimeSpan.Zero) + JobTime;

    /// <summary>What a pass of the controller does, without its waiting for answers.</summary>
    private void Pass()
    {
        var build = Build;
        var snapshot = _observer!.Observe(build);
        var plan = BuildPlanner.Plan(snapshot);
        if (plan.SlotRequests.Count > 0) plan = BuildPlanner.Plan(snapshot.Granted([.. plan.SlotRequests.Select(request => request.Platform)]));
        foreach (var job in plan.Deletes) Delete(job);
        foreach (var job in plan.Creates) Create(job);
        var told = !JsonNode.DeepEquals(build.Status is null ? null : KubeJson.ToNode(build.Status), KubeJson.ToNode(plan.Status));
        if (told) _cluster.Put(build with { Status = plan.Status });
        // Its own writes come back to it.
        _wake = _time.GetUtcNow() + (told || plan.Creates.Count > 0 || plan.Deletes.Count > 0 ? TimeSpan.Zero : plan.RequeueAfter);
    }

    private void Create(V1Job job)
    {
        var platform = job.Metadata.Annotations is { } notes && notes.TryGetValue(SlipwayApi.PlatformAnnotation, out var found) ? $" {found}" : "";
        Created.Add(job.Metadata.Labels[SlipwayApi.RoleLabel] + platform);
        var running = Running(job, _time.GetUtcNow());
        var pod = running.Pods[0];
        pod.Metadata.OwnerReferences = [new V1OwnerReference { Kind = "Job", Name = running.Name, Uid = running.Uid, Controller = true }];
        _cluster.Find<V1Job>(NamespacedName.Of(running.Job)).ShouldBeNull("a name is created once");
        _cluster.Put(running.Job);
        _cluster.Put(pod);
    }

    private void Delete(BuildJob job)
    {
        foreach (var pod in job.Pods) _cluster.Remove<V1Pod>(NamespacedName.Of(pod));
        _cluster.Remove<V1Job>(NamespacedName.Of(job.Job));
    }

    private void EndJobs()
    {
        foreach (var pod in Alive().Where(pod => EndOf(pod) <= _time.GetUtcNow()).ToList())
        {
            var owner = pod.Metadata.OwnerReferences.Single().Name;
            var job = _cluster.All<V1Job>().Single(job => job.Metadata.Name == owner);
            var result = ResultOf(new BuildJob(job, []));
            var ended = new BuildJob(job, [pod]).Ended(result).Pods[0];
            ended.Metadata.OwnerReferences = pod.Metadata.OwnerReferences;
            job.Status = new V1JobStatus { Conditions = [new V1JobCondition { Type = result.Failure is null ? "Complete" : "Failed", Status = "True", LastTransitionTime = _time.GetUtcNow().UtcDateTime }] };
            _cluster.Put(ended);
            _cluster.Put(job);
            _wake = _time.GetUtcNow();
        }
    }

    private RunResult ResultOf(BuildJob job) => job.Role switch
    {
        JobRoles.Prepare => new RunResult { Commit = Commit },
        JobRoles.Publish => Pushed("index", published: true),
        _ => Fails && job.Platform == Amd64 ? Failed(FailureClass.User, FailureReasons.RunStepFailed) : Pushed(job.Platform!),
    };
}
