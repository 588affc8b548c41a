using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.JobPods;
using Slipway.Runner;
using Slipway.Scheduling;

namespace Slipway.Tests.Unit.Builds;

/// <summary>Objects for tests of builds: a pool of two platforms, a build of a branch, and Jobs and pods as the cluster would have them.</summary>
internal static class BuildFixture
{
    public const string Commit = "4f2c9a7d1e0b3c5d6e7f8091a2b3c4d5e6f70819";
    public const string Amd64 = "linux/amd64";
    public const string Arm64 = "linux/arm64";

    public const string Authority = "0a1b2c3d";

    public static readonly DateTimeOffset Now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    public static readonly BuildOptions Options = new() { Jobs = new JobOptions { RunnerImage = "slipway/slipway:test" } };

    public static V1Alpha1ImageBuild Build(params string[] platforms) => new()
    {
        Metadata = new V1ObjectMeta
        {
            Name = "hello",
            NamespaceProperty = "team-a",
            Uid = "b0000000-0000-0000-0000-000000000001",
            Generation = 1,
            ResourceVersion = "10",
            CreationTimestamp = Now.UtcDateTime.AddSeconds(-5),
        },
        Spec = new ImageBuildSpec
        {
            PoolRef = new PoolReference { Name = "farm", Namespace = "builders" },
            Source = new BuildSource { Git = new GitBuildSource { Url = "https://git.example.com/hello.git", Revision = "main" } },
            Platforms = platforms.Length == 0 ? null : platforms,
            Output = new BuildOutput { Image = "registry.example.com/team-a/hello", Tags = ["1.0", "latest"], CredentialsSecretRef = new LocalReference { Name = "push" } },
        },
    };

    public static V1Alpha1BuilderPool Pool() => new()
    {
        Metadata = new V1ObjectMeta { Name = "farm", NamespaceProperty = "builders", Uid = "a0000000-0000-0000-0000-000000000001", Generation = 1 },
        Spec = new BuilderPoolSpec
        {
            Platforms = [new PoolPlatform { Platform = Amd64 }, new PoolPlatform { Platform = Arm64 }],
            AllowedNamespaces = new AllowedNamespaces { From = "All" },
            Cache = new PoolCache { Registry = new PoolRegistryCache { Repository = "registry.example.com/cache", CredentialsSecretRef = new LocalReference { Name = "push" } } },
        },
    };

    public static Builder Builder(string platform = Amd64) => new()
    {
        Name = $"farm-{Platform.Parse(platform).Dashed}-0",
        Uid = $"uid-{platform}",
        Ordinal = 0,
        Address = "tcp://198.18.0.7:1234",
        Ready = true,
        Draining = false,
        ServerName = $"farm-{Platform.Parse(platform).Dashed}-0.farm-{Platform.Parse(platform).Dashed}.builders.svc",
        Version = "v0.13.2",
        Authority = Authority,
    };

    /// <summary>A builder outside the cluster.</summary>
    public static Builder Endpoint() => new()
    {
        Name = "arm-1.example.com:1234",
        Uid = "0123456789abcdef0123456789abcdef",
        Ordinal = 0,
        Address = "tcp://arm-1.example.com:1234",
        ServerName = "arm-1.example.com",
        Mode = BuilderModes.External,
        ClientSecret = "arm-client",
        Ready = true,
        Draining = false,
    };

    public static BuildSnapshot Snapshot(V1Alpha1ImageBuild build) => new() { Build = build, Pool = Pool(), Options = Options, Now = Now };

    public static V1Alpha1ImageBuild OfCommit(params string[] platforms)
    {
        var build = Build(platforms);
        return build with { Spec = build.Spec with { Source = new BuildSource { Git = build.Spec.Source.Git! with { Revision = Commit } } } };
    }

    public static (BuildSnapshot Snapshot, BuildJob Amd64, BuildJob Arm64) BothRunning()
    {
        var snapshot = Snapshot(OfCommit()).Granted(Amd64, Arm64);
        var running = snapshot.After(BuildPlanner.Plan(snapshot)) with { Slots = new Dictionary<string, SlotAnswer>() };
        return (running, running.Jobs[0], running.Jobs[1]);
    }

    /// <summary>Both platforms are pushed, and the publish Job runs.</summary>
    public static BuildSnapshot WhilePublishing()
    {
        var (snapshot, amd64, arm64) = BothRunning();
        var pushed = snapshot.Replace(amd64.Ended(Pushed("a"))).Replace(arm64.Ended(Pushed("b")));
        return pushed.After(BuildPlanner.Plan(pushed));
    }

    public static BuildSnapshot Published()
    {
        var publishing = WhilePublishing();
        var publish = publishing.Jobs.Single(job => job.Role == JobRoles.Publish);
        return publishing.Replace(publish.Ended(new RunResult { IndexDigest = Digest("index"), Published = true }));
    }

    public static BuildSnapshot Granted(this BuildSnapshot snapshot, params string[] platforms) =>
        snapshot with { Slots = platforms.ToDictionary(platform => platform, platform => SlotAnswer.Granted(Builder(platform))) };

    public static BuildSnapshot With(this BuildSnapshot snapshot, string platform, SlotAnswer slot) =>
        snapshot with { Slots = new Dictionary<string, SlotAnswer> { [platform] = slot } };

    public static BuildSnapshot With(this BuildSnapshot snapshot, params BuildJob[] jobs) => snapshot with { Jobs = [.. snapshot.Jobs, .. jobs] };

    public static BuildSnapshot Later(this BuildSnapshot snapshot, TimeSpan time) => snapshot with { Now = snapshot.Now + time };

    /// <summary>The next pass sees what the last one has written.</summary>
    public static BuildSnapshot After(this BuildSnapshot snapshot, BuildPlan plan) =>
        snapshot with { Build = snapshot.Build with { Status = plan.Status }, Jobs = [.. snapshot.Jobs, .. plan.Creates.Select(job => Running(job))] };

    /// <summary>What fails is not tried again.</summary>
    public static BuildSnapshot WithoutRetries(this BuildSnapshot snapshot) =>
        snapshot with { Build = snapshot.Build with { Spec = snapshot.Build.Spec with { Retries = 0 } } };

    /// <summary>The plan once the API server has done what plans before it asked for: Jobs that are deleted are gone.</summary>
    public static BuildPlan Settled(this BuildSnapshot snapshot) => snapshot.SettledWith().Plan;

    public static (BuildPlan Plan, BuildSnapshot Snapshot, IReadOnlyList<BuildJob> Deleted) SettledWith(this BuildSnapshot snapshot)
    {
        var plan = BuildPlanner.Plan(snapshot);
        List<BuildJob> deleted = [];
        while (plan.Status.CompletedAt is null && plan.Deletes.Count > 0)
        {
            deleted.AddRange(plan.Deletes);
            snapshot = snapshot.After(plan) with { Jobs = [.. snapshot.Jobs.Where(job => plan.Deletes.All(gone => gone.Name != job.Name))] };
            plan = BuildPlanner.Plan(snapshot);
        }

        return (plan, snapshot, [.. deleted, .. plan.Deletes]);
    }

    /// <summary>A created Job with a running pod.</summary>
    public static BuildJob Running(V1Job job, DateTimeOffset? created = null)
    {
        job.Metadata.Uid = $"job-{job.Metadata.Name}";
        job.Metadata.CreationTimestamp = (created ?? Now).UtcDateTime;
        return new BuildJob(job, [Pod(job, "Running", new V1ContainerState { Running = new V1ContainerStateRunning() })]);
    }

    public static BuildJob Ended(this BuildJob job, RunResult result) => job.EndedWith(RunnerJson.Serialize(result), result.Failure is null ? 0 : 1);

    /// <summary>As <see cref="Ended(BuildJob, RunResult)"/>, and so has the container that writes the cache.</summary>
    public static BuildJob Ended(this BuildJob job, RunResult result, CacheExportResult export)
    {
        var ended = job.Ended(result);
        ended.Pods[0].Status.ContainerStatuses.Add(Cache(new V1ContainerState
        {
            Terminated = new V1ContainerStateTerminated { ExitCode = 0, Message = RunnerJson.Serialize(new RunResult { CacheExport = export }) },
        }));
        return ended;
    }

    /// <summary>The container that builds has ended, and the one that writes the cache runs on.</summary>
    public static BuildJob RunnerEnded(this BuildJob job, RunResult result)
    {
        var ended = job.Ended(result);
        var pod = ended.Pods[0];
        pod.Status.Phase = "Running";
        pod.Status.ContainerStatuses[0].State.Terminated.FinishedAt = Now.UtcDateTime;
        pod.Status.ContainerStatuses.Add(Cache(new V1ContainerState { Running = new V1ContainerStateRunning() }));
        return ended;
    }

    private static V1ContainerStatus Cache(V1ContainerState state) => new() { Name = JobContainers.Cache, State = state, Image = "", ImageID = "", Ready = false, RestartCount = 0 };

    public static BuildJob EndedWith(this BuildJob job, string message, int exitCode, string? reason = null) => job with
    {
        Pods = [Pod(job.Job, exitCode == 0 ? "Succeeded" : "Failed", new V1ContainerState { Terminated = new V1ContainerStateTerminated { ExitCode = exitCode, Message = message, Reason = reason } })],
    };

    public static BuildJob WithPod(this BuildJob job, V1ContainerState? state, string phase = "Pending", params V1PodCondition[] conditions)
    {
        var pod = Pod(job.Job, phase, state);
        pod.Status.Conditions = [.. conditions];
        return job with { Pods = [pod] };
    }

    /// <summary>As the API server keeps it with another spec: of the next generation.</summary>
    public static V1Alpha1ImageBuild Edited(this V1Alpha1ImageBuild build, Func<ImageBuildSpec, ImageBuildSpec> edit) =>
        build with { Metadata = build.Metadata with { Generation = build.Metadata.Generation + 1 }, Spec = edit(build.Spec) };

    public static BuildSnapshot Replace(this BuildSnapshot snapshot, BuildJob job) =>
        snapshot with { Jobs = [.. snapshot.Jobs.Select(candidate => candidate.Name == job.Name ? job : candidate)] };

    public static RunResult Pushed(string digest, bool published = false) => new()
    {
        Commit = Commit,
        IndexDigest = Digest(digest),
        ImageDigest = Digest($"image-{digest}"),
        Published = published,
        DurationSeconds = 41,
        Attestations = [new AttestationResult(Digest($"att-{digest}"), "https://slsa.dev/provenance/v1", Digest($"prov-{digest}"), 4211), new AttestationResult(Digest($"att-{digest}"), "https://spdx.dev/Document", Digest($"sbom-{digest}"), 90120)],
        Cache = new CacheResult { Steps = 12, Cached = 11, Imported = true },
    };

    /// <summary>A digest that a name stands for.</summary>
    public static string Digest(string name) => $"sha256:{ChildNames.Hash(name, 64)}";

    public static RunResult Failed(FailureClass failureClass, string reason) =>
        new() { Failure = new RunFailure { Class = failureClass, Reason = reason, Message = "It went wrong.", Step = "[build 3/5] RUN make", ExitCode = 2 } };

    public static string? Status(this ImageBuildStatus status, string condition) => status.Conditions?.FirstOrDefault(candidate => candidate.Type == condition)?.Status;

    private static V1Pod Pod(V1Job job, string phase, V1ContainerState? state) => new()
    {
        Metadata = new V1ObjectMeta { Name = $"{job.Metadata.Name}-x", NamespaceProperty = "team-a", CreationTimestamp = job.Metadata.CreationTimestamp, Labels = job.Metadata.Labels },
        Spec = new V1PodSpec { Containers = [new V1Container { Name = JobContainers.Runner, Image = job.Spec.Template.Spec.Containers[0].Image }] },
        Status = new V1PodStatus
        {
            Phase = phase,
            ContainerStatuses = state is null ? null : [new V1ContainerStatus { Name = JobContainers.Runner, State = state, Image = "", ImageID = "", Ready = false, RestartCount = 0 }],
        },
    };
}
