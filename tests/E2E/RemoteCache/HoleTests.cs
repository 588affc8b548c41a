using Slipway.Api;

namespace Slipway.Tests.E2E.RemoteCache;

/// <summary>A part of the cache has gone from where it is kept, and a builder that has nothing of its own needs it.</summary>
public sealed class HoleTests(ClusterFixture fixture)
{
    [Fact]
    public Task HalfOfTheBlobsGone_UnderALiveManifest_IsBuiltOnceMoreAndRepaired() =>
        // Of four of them the next build needs all but one.
        BlobsGoneAsync(nameof(HalfOfTheBlobsGone_UnderALiveManifest_IsBuiltOnceMoreAndRepaired), blobs => blobs.Take((blobs.Count + 1) / 2));

    [Fact]
    public Task AllBlobsGone_UnderALiveManifest_IsBuiltOnceMoreAndRepaired() =>
        BlobsGoneAsync(nameof(AllBlobsGone_UnderALiveManifest_IsBuiltOnceMoreAndRepaired), blobs => blobs);

    [Fact]
    public async Task ManifestGone_FromTheBucket_IsNoTroubleAndWrittenAgain()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var proxy = await S3Proxy.StartAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(ManifestGone_FromTheBucket_IsNoTroubleAndWrittenAgain), bucket.Cache(proxy));
        await pool.BuiltAsync(pool.Build("first"));
        await pool.FreshBuilderAsync();
        var manifest = (await bucket.ManifestsAsync()).ShouldHaveSingleItem();
        await bucket.DeleteAsync([manifest]);

        var second = await pool.BuiltAsync(pool.Build("second"));

        pool.Evidence.AddSeen("the S3 server's record", proxy.Script.Record, @"GET .*/manifests/.*: 404");
        pool.Evidence.AddSeen("buildctl's log", second.Log, "importing cache manifest");
        second.Cache.Imported.ShouldBe(false);
        second.Cache.Cached.ShouldBe(0);
        second.Cache.Problem.ShouldBeNull();
        await pool.HealthAsync(second, Reasons.CacheInUse);
        second.ShouldHaveWritten();
        (await bucket.ManifestsAsync()).ShouldHaveSingleItem().ShouldBe(manifest);
        (await bucket.MissingAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task ManifestCorrupt_InTheBucket_IsDoneWithoutAndWrittenAfresh()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(ManifestCorrupt_InTheBucket_IsDoneWithoutAndWrittenAfresh), bucket.Cache());
        await pool.BuiltAsync(pool.Build("first"));
        await pool.FreshBuilderAsync();
        var manifest = (await bucket.ManifestsAsync()).ShouldHaveSingleItem();
        await bucket.PutAsync(manifest);

        var second = await pool.BuiltAsync(pool.Build("second"));

        pool.Evidence.AddSeen("buildctl's log", second.Log, "invalid character");
        second.Cache.Cached.ShouldBe(0);
        second.ShouldHaveWritten();
        await pool.HealthAsync(second, Reasons.CacheRepaired, "is no cache");
        (await bucket.MissingAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task BlobsGone_FromTheCacheRegistry_IsBuiltOnceMoreAndRepaired()
    {
        await using var pool = await CachedPool.StartInRegistryAsync(fixture, nameof(BlobsGone_FromTheCacheRegistry_IsBuiltOnceMoreAndRepaired));
        using var reader = new RegistryReader(fixture.Cluster.Registry);
        await pool.BuiltAsync(pool.Build("first"));
        await pool.FreshBuilderAsync();
        var gone = (await LayersAsync(reader, pool.Repository)).SkipLast(1).ToList();
        foreach (var layer in gone) await reader.DeleteBlobAsync(pool.Repository, layer);

        var second = await pool.BuiltAsync(pool.Build("second", late: "another"));

        pool.Evidence.Add("deleted from the registry", gone);
        pool.Evidence.AddSeen("the registry's record", fixture.Proxy.Of(pool.Tenant).Record, "GET .*/cache/blobs/.*: 404");
        pool.Evidence.AddSeen("buildctl's log", second.Log, "not found");
        await ShouldBeRepairedAsync(pool, second);
        var layers = await LayersAsync(reader, pool.Repository);
        foreach (var layer in layers) (await reader.HasBlobAsync(pool.Repository, layer)).ShouldBeTrue();
    }

    private async Task BlobsGoneAsync(string test, Func<IReadOnlyList<string>, IEnumerable<string>> which)
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, test, bucket.Cache());
        await pool.BuiltAsync(pool.Build("first"));
        await pool.FreshBuilderAsync();
        var gone = which(await bucket.BlobsOfAsync((await bucket.ManifestsAsync()).Single())).ToList();
        await bucket.DeleteAsync(gone);

        var second = await pool.BuiltAsync(pool.Build("second", late: "another"));

        pool.Evidence.Add("deleted from the bucket", gone);
        pool.Evidence.AddSeen("buildctl's log", second.Log, "GetObject.*NoSuchKey");
        await ShouldBeRepairedAsync(pool, second);
        (await bucket.MissingAsync()).ShouldBeEmpty();
    }

    /// <summary>The same build on a builder that has nothing needs nothing else.</summary>
    private static async Task ShouldBeRepairedAsync(CachedPool pool, CachedBuild built)
    {
        built.ShouldHaveWritten();
        await pool.HealthAsync(built, Reasons.CacheRepaired, "is gone from where it is kept");
        await pool.FreshBuilderAsync();
        var third = await pool.BuiltAsync(pool.Build("third", late: "another"));
        pool.Evidence.AddSeen("buildctl's log after that, on a fresh builder", third.Log, "CACHED");
        third.ShouldComeFromCache();
        third.Cache.Imported.ShouldBe(true);
        await pool.HealthAsync(third, Reasons.CacheInUse);
    }

    /// <summary>Of the one cache that is there.</summary>
    private static async Task<IReadOnlyList<string>> LayersAsync(RegistryReader reader, string repository)
    {
        var digest = await reader.DigestAsync(repository, (await reader.TagsAsync(repository)).ShouldHaveSingleItem());
        return [.. (await reader.ManifestAsync(repository, digest!))["layers"]!.AsArray().Select(layer => layer!["digest"]!.GetValue<string>())];
    }
}
