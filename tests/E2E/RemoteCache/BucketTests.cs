using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.JobPods;
using Slipway.Tests.E2E.Faults;

namespace Slipway.Tests.E2E.RemoteCache;

/// <summary>A cache in a bucket that nobody strikes: it is read, it is written after the image, and no one is told its keys.</summary>
public sealed class BucketTests(ClusterFixture fixture)
{
    [Fact]
    public async Task FreshBuilder_WithACacheInABucket_TakesEveryStepFromIt()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(FreshBuilder_WithACacheInABucket_TakesEveryStepFromIt), bucket.Cache());
        var first = await pool.BuiltAsync(pool.Build("first"));
        first.Cache.Imported.ShouldBe(false);
        first.ShouldHaveWritten();
        await pool.FreshBuilderAsync();

        var second = await pool.BuiltAsync(pool.Build("second"));

        pool.Evidence.AddSeen("buildctl's log", second.Log, "CACHED");
        pool.Evidence.Add("the bucket", await bucket.KeysAsync());
        second.ShouldComeFromCache();
        second.Cache.Imported.ShouldBe(true);
        await pool.HealthAsync(second, Reasons.CacheInUse);
        (await bucket.MissingAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task KeysOfTheBucket_AfterABuild_AreNowhereToBeRead()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(KeysOfTheBucket_AfterABuild_AreNowhereToBeRead), bucket.Cache());
        // The history holds what a build imported from: the second one has something to import.
        await pool.BuiltAsync(pool.Build("first"));
        var build = pool.Of("app", null, $"FROM busybox:stable\n{pool.Sleep(15)}");
        await pool.Tenant.CreateAsync(build with { Spec = build.Spec with { Attestations = new BuildAttestations { Provenance = "Max" } } });
        await pool.InTheStepAsync("app");
        // Who looks in the wrong place finds nothing afterwards either.
        pool.Evidence.AddSeen("buildctl debug histories, in the step", Masked(await HistoriesAsync(pool)), "THE-SECRET-KEY");

        var built = await pool.EndAsync("app");

        built.ShouldHaveWritten();
        var histories = await HistoriesAsync(pool);
        pool.Evidence.Add("buildctl debug histories, after the Job", Masked(histories));
        ShouldNotHold("the builder's history", histories);
        ShouldNotHold("the namespace", await fixture.Cluster.KubectlAsync(
            "--namespace", pool.Key.Namespace, "get", "jobs,pods,statefulsets,configmaps,events,imagebuilds,builderpools", "--output", "yaml"));
        ShouldNotHold("the log of the build", built.Log);
        ShouldNotHold("the log of the cache", built.CacheLog!);
        var builder = (await pool.BuildersAsync()).Single().Metadata.Name;
        ShouldNotHold("the builder's log", await fixture.Cluster.KubectlAsync("--namespace", pool.Key.Namespace, "logs", builder, "--all-containers"));
        await ShouldAttestWithoutKeysAsync(pool);
    }

    [Fact]
    public async Task BucketSlow_WhileTheCacheIsWritten_HoldsUpNeitherTheBuildNorTheNextOne()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var proxy = await S3Proxy.StartAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(BucketSlow_WhileTheCacheIsWritten_HoldsUpNeitherTheBuildNorTheNextOne), bucket.Cache(proxy));
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = new RegistryRule("held back", "PUT", "/(blobs|manifests)/", ProxiedCall.WaitsFor(() => open.Task));
        proxy.Script.Add(held);
        await pool.Tenant.CreateAsync(pool.Build("app"));

        (await pool.Tenant.EndOfAsync("app")).Status!.Phase.ShouldBe(Phases.Succeeded);
        await CachedPool.TakenAsync(held, 1);
        await ShouldStillWriteAsync(pool, 1);
        var rerun = new JsonObject { ["spec"] = new JsonObject { ["rerun"] = "again" } };
        await fixture.Client.PatchAsync<V1Alpha1ImageBuild>(new(pool.Key.Namespace, "app"), rerun, TestContext.Current.CancellationToken);
        (await pool.Tenant.EndOfAsync("app")).Status!.Phase.ShouldBe(Phases.Succeeded);
        await ShouldStillWriteAsync(pool, 2);
        open.SetResult();

        await pool.ShouldCompleteAsync(2);
        await pool.PoolAsync("idle", seen => seen.Status!.Platforms![0].Building is 0 or null);
        pool.Evidence.AddSeen("the S3 server's record", proxy.Script.Record, @"PUT .*/manifests/.*: 200 \(held back\)");
        proxy.Script.Requests.Count(request => request.Method == "PUT" && request.Path.Contains("/manifests/", StringComparison.Ordinal)).ShouldBe(2);
        (await bucket.ManifestsAsync()).ShouldHaveSingleItem();
        (await bucket.MissingAsync()).ShouldBeEmpty();
    }

    /// <summary>So many Jobs have built, and hold a slot for their caches.</summary>
    private static async Task ShouldStillWriteAsync(CachedPool pool, int jobs)
    {
        var seen = await pool.PoolAsync($"building {jobs}", seen => seen.Status?.Platforms?[0].Building == jobs);
        pool.Evidence.Add("the pool's status", $"Building {seen.Status!.Platforms![0].Building}");
        var pods = await pool.JobPodsAsync();
        pool.Evidence.Add("the Jobs' pods", pods.SelectMany(pod => pod.Status.ContainerStatuses.Select(container => $"{pod.Metadata.Name} {container.Name}: {Words(container.State)}")));
        pods.Count.ShouldBe(jobs);
        pods.ShouldAllBe(pod => JobContainers.EndOf(pod, JobContainers.Runner)!.ExitCode == 0 && JobContainers.StatusOf(pod, JobContainers.Cache)!.State.Running != null);
        pool.Jobs.Of("app", JobRoles.Build).ShouldAllBe(job => job.Gone == null && pool.Ended(job.Uid) == null);
    }

    private static string Words(V1ContainerState state) => state.Running is null ? $"ended with {state.Terminated?.ExitCode}" : "running";

    private async Task<string> HistoriesAsync(CachedPool pool) => await fixture.Cluster.KubectlAsync(
        "--namespace", pool.Key.Namespace, "exec", (await pool.BuildersAsync()).Single().Metadata.Name, "--",
        "buildctl", "--addr", "unix:///run/user/1000/buildkit/buildkitd.sock", "debug", "histories", "--format", "{{json .}}");

    private async Task ShouldAttestWithoutKeysAsync(CachedPool pool)
    {
        using var registry = new RegistryReader(fixture.Cluster.Registry);
        var statements = (await pool.Tenant.ReadAsync("app")).Status!.Platforms!.Single().Attestations!;
        statements.Count.ShouldBe(2);
        foreach (var statement in statements)
            ShouldNotHold(statement.PredicateType, (await registry.BlobAsync(pool.Tenant.Repository("app"), statement.Digest)).ToJsonString());
    }

    private void ShouldNotHold(string where, string text)
    {
        text.ShouldNotContain(fixture.S3.SecretKey, Case.Sensitive, where);
        text.ShouldNotContain(fixture.S3.AccessKey, Case.Sensitive, where);
    }

    private string Masked(string text) =>
        text.Replace(fixture.S3.SecretKey, "THE-SECRET-KEY", StringComparison.Ordinal).Replace(fixture.S3.AccessKey, "THE-KEY-ID", StringComparison.Ordinal);
}
