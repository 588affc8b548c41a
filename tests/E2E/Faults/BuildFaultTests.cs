using System.Globalization;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.JobPods;
using Slipway.Kube.Client;
using Slipway.Runner;

namespace Slipway.Tests.E2E.Faults;

/// <summary>What others do while a build runs, and builds that are hard to tell apart.</summary>
public sealed class BuildFaultTests(ClusterFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task BranchMoved_AfterPrepare_BuildsTheFirstCommitEverywhere()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(BranchMoved_AfterPrepare_BuildsTheFirstCommitEverywhere));
        static Dictionary<string, string> Files(string content) => new() { ["Dockerfile"] = "FROM scratch\nCOPY which /which\n", ["which"] = content };
        var (url, first) = await fixture.Cluster.PushAsync(fault.Tenant.Name, Files("first"));
        using var moved = new ManualGate();
        // Nothing is pushed, and so no platform has ended, before the branch has moved.
        fault.Registry.Add(new("held back", "POST", "/blobs/uploads/", ProxiedCall.WaitsFor(() => moved.Opened)));
        await fault.Tenant.CreateAsync(Fault.Without(fault.Tenant.Git("app", url, "main")));
        await Wait.UntilAsync("the commit is known", Fault.Patience, () => fault.Tenant.ReadAsync("app"), build => build.Status?.Commit is not null);
        var (_, second) = await fixture.Cluster.PushAsync(fault.Tenant.Name, Files("second"));
        fault.Evidence.AddSeen("git ls-remote, after the move", await Shell.RunAsync("git", "ls-remote", url), $"{second}\trefs/heads/main");
        moved.Open();

        var status = await fault.SucceedsAsync("app");

        first.ShouldNotBe(second);
        status.Commit.ShouldBe(first);
        foreach (var platform in fixture.Cluster.Platforms)
        {
            var job = fault.Jobs.Of("app", JobRoles.Build, platform).ShouldHaveSingleItem();
            fault.Evidence.AddSeen($"buildctl's log for {platform}", await fault.LogAsync(job), first);
        }

        fault.Jobs.Of("app", JobRoles.Prepare).Count.ShouldBe(1);
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
        await fault.ShouldBeExplainedAsync();
    }

    [Fact]
    public async Task NamesAlike_AfterTruncation_AreTwoBuilds()
    {
        await Shared.JoinAsync(node: Use.CountsOn);
        await using var fault = await Fault.StartAsync(fixture, nameof(NamesAlike_AfterTruncation_AreTwoBuilds));
        var alike = new string('a', 62);
        string[] names = [$"{alike}x", $"{alike}y"];
        foreach (var name in names) await fault.Tenant.CreateAsync(fault.Quick(name, [.. fixture.Cluster.Platforms]));

        var ends = new List<ImageBuildStatus>();
        foreach (var name in names) ends.Add(await fault.SucceedsAsync(name));

        fault.Evidence.AddSeen("the API server's watch of the Jobs", fault.Jobs.Lines(), $"{new string('a', 30)}.* of {names[0]}");
        fault.Evidence.Add("the kubelet's events", await fault.EventsAsync(new string('a', 30)));
        ends[0].IndexDigest.ShouldNotBe(ends[1].IndexDigest);
        foreach (var (name, status) in names.Zip(ends))
        {
            fault.Jobs.Jobs.Count(job => job.Owner!.Name == name).ShouldBe(fixture.Cluster.Platforms.Count + 1);
            (await fault.TagAsync(name)).ShouldBe(status.IndexDigest);
        }

        fault.Jobs.Jobs.Select(job => job.Name).ShouldBeUnique();
        await fault.ShouldBeExplainedAsync();
    }

    [Fact]
    public async Task ForgedResult_OfAnotherOwner_IsNotBelieved()
    {
        await using var fault = await Fault.StartAsync(fixture, nameof(ForgedResult_OfAnotherOwner_IsNotBelieved));
        var seconds = string.Create(CultureInfo.InvariantCulture, $"15.{Random.Shared.Next(100000, 999999)}");
        await fault.Tenant.CreateAsync(fault.Sleeping("app", seconds));
        var real = await fault.InTheStepAsync("app");
        var owner = await fixture.Client.CreateAsync(new V1ConfigMap { ApiVersion = "v1", Kind = "ConfigMap", Metadata = new V1ObjectMeta { Name = "stranger", NamespaceProperty = fault.Tenant.Name } }, Cancel);
        var forged = await fixture.Client.CreateAsync(ForgedPod(await PodOfAsync(real), owner), Cancel);
        var job = await fixture.Client.CreateAsync(ForgedJob(real.Job, owner), Cancel);

        await Wait.UntilAsync("the forged pods have told their lie", Fault.Patience, () => PodsAsync(fault), pods => pods.Count(TellsTheLie) == 2);
        var beside = (await fault.Tenant.ReadAsync("app")).Status!;
        var status = await fault.SucceedsAsync("app");

        fault.Evidence.AddSeen("the API server's pods, as the kubelet reports them", (await PodsAsync(fault)).Select(Line), FalseDigest);
        fault.Evidence.Add("the log of the real Job", await fault.LogAsync(real));
        beside.Phase.ShouldBe(Phases.Building);
        status.IndexDigest.ShouldNotBe(FalseDigest);
        (await fault.TagAsync("app")).ShouldBe(status.IndexDigest);
        fault.Jobs.Of("app", JobRoles.Build).ShouldHaveSingleItem().Uid.ShouldBe(real.Uid);
    }

    private static readonly string FalseDigest = $"sha256:{new string('f', 64)}";

    private static readonly string Lie = RunnerJson.Serialize(new RunResult { IndexDigest = FalseDigest, ImageDigest = FalseDigest, Published = true, DurationSeconds = 1 });

    /// <summary>Everything of the real pod but what it is: labels, container's name, node.</summary>
    private static V1Pod ForgedPod(V1Pod real, V1ConfigMap owner) => new()
    {
        ApiVersion = "v1",
        Kind = "Pod",
        Metadata = new V1ObjectMeta { Name = $"{real.Metadata.Name}x", NamespaceProperty = real.Metadata.NamespaceProperty, Labels = real.Metadata.Labels, OwnerReferences = [Reference(owner)] },
        Spec = Liar(real.Spec),
    };

    private static V1Job ForgedJob(V1Job real, V1ConfigMap owner) => new()
    {
        ApiVersion = "batch/v1",
        Kind = "Job",
        Metadata = new V1ObjectMeta { Name = $"{real.Metadata.Name}x", NamespaceProperty = real.Metadata.NamespaceProperty, Labels = real.Metadata.Labels, Annotations = real.Metadata.Annotations, OwnerReferences = [Reference(owner)] },
        Spec = new V1JobSpec { BackoffLimit = 0, Template = new V1PodTemplateSpec { Metadata = new V1ObjectMeta { Labels = real.Metadata.Labels }, Spec = Liar(real.Spec.Template.Spec) } },
    };

    private static V1PodSpec Liar(V1PodSpec real) => new()
    {
        RestartPolicy = "Never",
        NodeSelector = real.NodeSelector,
        Containers = [new V1Container { Name = real.Containers[0].Name, Image = "busybox:stable", Command = ["/bin/sh", "-c", "printf %s \"$0\" > /dev/termination-log", Lie] }],
    };

    /// <summary>It exists, so the garbage collector leaves its children; it controls them, so the Job controller adopts none.</summary>
    private static V1OwnerReference Reference(V1ConfigMap owner) =>
        new() { ApiVersion = "v1", Kind = "ConfigMap", Name = owner.Metadata.Name, Uid = owner.Metadata.Uid, Controller = true };

    private static bool TellsTheLie(V1Pod pod) => MessageOf(pod).Contains(FalseDigest, StringComparison.Ordinal);

    private static string MessageOf(V1Pod pod) => JobContainers.EndOf(pod, JobContainers.Runner)?.Message ?? "";

    private static string Line(V1Pod pod) => $"Pod {pod.Metadata.Name}, owner {pod.Metadata.OwnerReferences[0].Kind} {pod.Metadata.OwnerReferences[0].Name} ({pod.Metadata.OwnerReferences[0].Uid}), "
        + $"labels {string.Join(' ', pod.Metadata.Labels.Where(label => label.Key.StartsWith("slipway.dev/", StringComparison.Ordinal)).Select(label => $"{label.Key}={label.Value}"))}: {pod.Status.Phase}, message {MessageOf(pod)}";

    private async Task<IReadOnlyList<V1Pod>> PodsAsync(Fault fault) => (await fixture.Client.ListPageAsync<V1Pod>(new ListQuery { Namespace = fault.Tenant.Name }, Cancel)).Items;

    private async Task<V1Pod> PodOfAsync(WatchedJob job) =>
        (await fixture.Client.ListPageAsync<V1Pod>(new ListQuery { Namespace = job.Job.Metadata.NamespaceProperty, LabelSelector = $"job-name={job.Name}" }, Cancel)).Items.Single();
}

/// <summary>Opened once, by the test.</summary>
internal sealed class ManualGate : IDisposable
{
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Opened => _opened.Task;

    public void Open() => _opened.TrySetResult();

    public void Dispose() => Open();
}
