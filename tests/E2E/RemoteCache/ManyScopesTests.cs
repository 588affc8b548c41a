using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube.Client;
using Slipway.Tests.E2E.Faults;

namespace Slipway.Tests.E2E.RemoteCache;

/// <summary>The most that happens on this machine: not beside others.</summary>
[Collection(ClusterTests.Name)]
public sealed class ManyScopesTests(ClusterFixture fixture)
{
    private const int Scopes = 30;

    [Fact]
    public async Task ThirtyScopes_AtOnce_AreThirtyWholeCaches()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var proxy = await S3Proxy.StartAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(ThirtyScopes_AtOnce_AreThirtyWholeCaches), bucket.Cache(proxy), slots: Scopes);
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = new RegistryRule("held back for the others", "PUT", "/manifests/", ProxiedCall.WaitsFor(() => open.Task));
        proxy.Script.Add(held);
        await Task.WhenAll(Enumerable.Range(0, Scopes).Select(number => fixture.Client.CreateAsync(Scoped(pool, $"app-{number}"), default)));

        await CachedPool.TakenAsync(held, Scopes);
        open.SetResult();
        var builds = await Wait.UntilAsync(
            "all builds have ended", CachedPool.Patience, () => BuildsAsync(pool), seen => seen.All(build => build.Status?.Conditions.IsTrue(Conditions.Complete) is true), TimeSpan.FromSeconds(1));
        builds.Where(build => build.Status!.Phase != Phases.Succeeded).Select(build => $"{build.Metadata.Name}: {build.Status!.Failure?.Message}").ShouldBeEmpty();
        await pool.ShouldCompleteAsync(Scopes);

        pool.Evidence.AddSeen("the S3 server's record", proxy.Script.Record, @"PUT .*/manifests/.*: 200 \(held back for the others\)");
        builds.Count.ShouldBe(Scopes);
        (await BuildsAsync(pool)).ShouldAllBe(build => build.Status!.Conditions!.Single(condition => condition.Type == Conditions.CacheHealthy).Reason == Reasons.CacheInUse);
        (await bucket.ManifestsAsync()).Count.ShouldBe(Scopes);
        (await bucket.MissingAsync()).ShouldBeEmpty();
    }

    private static V1Alpha1ImageBuild Scoped(CachedPool pool, string name)
    {
        var build = pool.Of(name, null, $"FROM busybox:stable\nRUN echo {name} of {pool.Key.Namespace} > /name");
        // The node has room for all of their pods.
        var little = new V1ResourceRequirements { Requests = new Dictionary<string, ResourceQuantity> { ["cpu"] = new("1m"), ["memory"] = new("32Mi") } };
        return build with { Spec = build.Spec with { Cache = new BuildCache { Scope = name }, Job = new JobTemplate { Resources = little } } };
    }

    private async Task<IReadOnlyList<V1Alpha1ImageBuild>> BuildsAsync(CachedPool pool) =>
        (await fixture.Client.ListPageAsync<V1Alpha1ImageBuild>(new ListQuery { Namespace = pool.Key.Namespace }, default)).Items;
}
