using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Cache;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Runner;
using Slipway.Tests.E2E.Faults;

namespace Slipway.Tests.E2E.RemoteCache;

/// <summary>What the pool remembers of its caches: when each was used, when it was written, how much of it was of use.</summary>
public sealed class LedgerTests(ClusterFixture fixture)
{
    [Fact]
    public async Task TagUnused_ForItsTime_IsDeletedAndOneInUseStays()
    {
        await using var pool = await CachedPool.StartInRegistryAsync(fixture, nameof(TagUnused_ForItsTime_IsDeletedAndOneInUseStays), ttl: "48h");
        using var reader = new RegistryReader(fixture.Cluster.Registry);
        await pool.BuiltAsync(OfScope(pool, "used", "used"));
        await pool.BuiltAsync(OfScope(pool, "unused", "unused"));
        var tags = await reader.TagsAsync(pool.Repository);
        var (used, unused) = (tags.Single(tag => tag.Contains("-used-", StringComparison.Ordinal)), tags.Single(tag => tag.Contains("-unused-", StringComparison.Ordinal)));
        var digest = (await reader.DigestAsync(pool.Repository, unused))!;

        await AgeAsync(pool, unused, "unused");

        await Wait.UntilAsync("the tag is gone", CachedPool.Patience, () => reader.DigestAsync(pool.Repository, unused), gone => gone is null);
        (await reader.DigestAsync(pool.Repository, used)).ShouldNotBeNull();
        pool.Evidence.AddSeen("the registry's record", fixture.Proxy.Of(pool.Tenant).Record, $"DELETE .*/manifests/{digest}: 202");
        await Wait.UntilAsync("the ledger has forgotten it", CachedPool.Patience, () => LedgerAsync(pool), ledger => !ledger.ContainsKey(unused));
        (await LedgerAsync(pool)).Keys.ShouldBe([used]);
        (await pool.ExpiryAsync(Reasons.CacheSwept)).Status.ShouldBe("True");
        await pool.AddExpirySeenAsync("1 tags are out of use: 1 manifests deleted, 0 kept");
    }

    [Fact]
    public async Task DeletesForbidden_ByTheCacheRegistry_AreReportedAndNotTriedAgain()
    {
        await using var pool = await CachedPool.StartInRegistryAsync(fixture, nameof(DeletesForbidden_ByTheCacheRegistry_AreReportedAndNotTriedAgain), ttl: "48h");
        fixture.Proxy.Of(pool.Tenant).Add(new("no deletes", "DELETE", $"/{pool.Key.Namespace}/cache/", ProxiedCall.Answers(405)));
        await pool.BuiltAsync(OfScope(pool, "app", "app"));
        var tag = (await LedgerAsync(pool)).Keys.ShouldHaveSingleItem();

        await AgeAsync(pool, tag, "app");

        var condition = await pool.ExpiryAsync(FailureReasons.CacheDeletesForbidden);
        condition.Status.ShouldBe("False");
        condition.Message.ShouldContain("deletes nothing, or not with these credentials");
        pool.Evidence.AddSeen("the registry's record", fixture.Proxy.Of(pool.Tenant).Record, @"DELETE .*: 405 \(no deletes\)");
        await Task.Delay(TimeSpan.FromSeconds(20), TimeProvider.System, TestContext.Current.CancellationToken);
        pool.ExpiryJobs().Count.ShouldBe(1);
    }

    [Fact]
    public async Task ExportOnMiss_OfAHotCache_WritesOnlyWhatWasMissed()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(ExportOnMiss_OfAHotCache_WritesOnlyWhatWasMissed), bucket.Cache() with { Export = "OnMiss" });
        var first = await pool.BuiltAsync(pool.Build("first"));
        first.ShouldHaveWritten();
        await Wait.UntilAsync("the ledger knows of the export", CachedPool.Patience, () => LedgerAsync(pool), ledger => ledger.Values.Any(entry => CacheLedger.Read(entry)?.LastExport is not null));

        var hot = await pool.BuiltAsync(pool.Build("hot"));
        var missed = await pool.BuiltAsync(pool.Build("missed", late: "another"));

        hot.ShouldComeFromCache();
        hot.CacheLog.ShouldNotBeNull().ShouldNotContain("The cache is written.");
        missed.ShouldHaveWritten();
        pool.Evidence.AddSeen("the log of a build that has missed nothing", hot.Log, "CACHED");
        pool.Evidence.Add("its cache's container", hot.CacheLog);
        pool.Evidence.AddSeen("the log of writing the cache of one that has missed a step", missed.CacheLog!, "The cache is written");
    }

    [Fact]
    public async Task HitRatio_ThatFallsAgainstTheLastBuild_IsAnEvent()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(HitRatio_ThatFallsAgainstTheLastBuild_IsAnEvent), bucket.Cache());
        await pool.BuiltAsync(Steps(pool, "first", "early"));
        (await pool.BuiltAsync(Steps(pool, "warm", "early"))).ShouldComeFromCache();
        await Wait.UntilAsync("the ledger knows of it", CachedPool.Patience, () => LedgerAsync(pool), ledger => ledger.Values.Any(entry => CacheLedger.RatioOf(CacheLedger.Read(entry)) == 1));

        var cold = await pool.BuiltAsync(Steps(pool, "cold", "changed"));

        cold.Cache.Cached.ShouldBe(0);
        cold.Cache.Ratio.ShouldBe("0.00");
        var told = await Wait.UntilAsync("an Event tells", CachedPool.Patience,
            () => fixture.Cluster.KubectlAsync("--namespace", pool.Key.Namespace, "get", "events", "--field-selector", $"reason={Reasons.CacheHitRatioFell}"), events => events.Contains("imagebuild/cold", StringComparison.Ordinal));
        pool.Evidence.AddSeen("Events of the namespace", told, "0 of 4 steps .* came from cache; of the last build of this scope it were 100");
        (await fixture.Cluster.KubectlAsync("--namespace", pool.Key.Namespace, "get", "imagebuild", "cold")).ShouldContain("0/4");
    }

    private static V1Alpha1ImageBuild Steps(CachedPool pool, string name, string early) => pool.Of(name, null, $"""
        FROM busybox:stable
        RUN echo {early} of {pool.Key.Namespace} > /a
        RUN cat /a && echo b > /b
        RUN cat /b && echo c > /c
        RUN cat /c && echo d > /d
        """);

    private static V1Alpha1ImageBuild OfScope(CachedPool pool, string name, string scope)
    {
        var build = pool.Build(name, late: scope);
        return build with { Spec = build.Spec with { Cache = new BuildCache { Scope = scope } } };
    }

    private static NamespacedName LedgerOf(CachedPool pool) => new(pool.Key.Namespace, ChildNames.CacheLedger(pool.Key.Name));

    private async Task<IDictionary<string, string>> LedgerAsync(CachedPool pool) =>
        (await fixture.Client.GetOrDefaultAsync<V1ConfigMap>(LedgerOf(pool), default))?.Data ?? new Dictionary<string, string>();

    /// <summary>As if nobody had used it for three days. The build that did goes first: as long as its Job is seen, its use of today is noted again.</summary>
    private async Task AgeAsync(CachedPool pool, string tag, string build)
    {
        var written = await Wait.UntilAsync($"the ledger knows of {tag} and its export", CachedPool.Patience, () => LedgerAsync(pool), ledger => ledger.TryGetValue(tag, out var entry) && CacheLedger.Read(entry)?.LastExport is not null);
        await fixture.Client.DeleteAsync<V1Alpha1ImageBuild>(new(pool.Key.Namespace, build), null, PropagationPolicy.Background, default);
        await Wait.UntilAsync($"{build}'s Jobs are gone", CachedPool.Patience, () => Task.FromResult(pool.Jobs.Of(build, JobRoles.Build)), jobs => jobs.All(job => job.Gone is not null));
        var aged = JsonNode.Parse(written[tag])!;
        aged["lastUsed"] = TimeProvider.System.GetUtcNow().AddDays(-3);
        pool.Evidence.Add("the ledger's entry, aged", $"{tag} {aged.ToJsonString()}");
        await fixture.Client.PatchAsync<V1ConfigMap>(LedgerOf(pool), new JsonObject { ["data"] = new JsonObject { [tag] = aged.ToJsonString() } }, default);
    }
}
