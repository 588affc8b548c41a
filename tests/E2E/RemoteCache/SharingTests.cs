using Slipway.Api;
using Slipway.JobPods;

namespace Slipway.Tests.E2E.RemoteCache;

public sealed class SharingTests(ClusterFixture fixture)
{
    [Fact]
    public async Task ExportFromSame_ABuildOfAnotherNamespace_ReadsANamedCacheAndWritesNone()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var pool = await CachedPool.StartAsync(
            fixture, nameof(ExportFromSame_ABuildOfAnotherNamespace_ReadsANamedCacheAndWritesNone), bucket.Cache() with { ExportFrom = new AllowedNamespaces { From = "Same" } });
        await using var other = await fixture.TenantAsync(pool: pool.Key);
        await pool.GiveKeysAsync(other.Name);
        var own = await pool.BuiltAsync(pool.Build("own"));
        own.ShouldHaveWritten();
        await pool.FreshBuilderAsync();
        var written = await bucket.KeysAsync();
        var build = pool.Build("others", tenant: other);

        var others = await pool.BuiltAsync(build with { Spec = build.Spec with { Cache = new BuildCache { Import = [new CacheSource { Scope = CachedPool.Scope, Namespace = pool.Key.Namespace }] } } }, other);

        pool.Evidence.AddSeen("buildctl's log", others.Log, "CACHED");
        pool.Evidence.Add("containers of its Job", others.Job.Job.Spec.Template.Spec.Containers.Select(container => container.Name));
        pool.Evidence.Add("the bucket", await bucket.KeysAsync());
        others.ShouldComeFromCache();
        others.Cache.Imported.ShouldBe(false, "its own cache is not there");
        others.Job.Job.Spec.Template.Spec.Containers.ShouldHaveSingleItem().Name.ShouldBe(JobContainers.Runner);
        await pool.HealthAsync(others, Reasons.CacheInUse);
        (await bucket.KeysAsync()).ShouldBe(written);
    }
}
