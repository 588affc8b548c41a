using System.Text.RegularExpressions;
using Slipway.Api;
using Slipway.Tests.E2E.Faults;

namespace Slipway.Tests.E2E.RemoteCache;

/// <summary>Where the cache is kept, nobody is at home, or lets the build in. It is built without.</summary>
public sealed partial class RefusalTests(ClusterFixture fixture)
{
    [Fact]
    public async Task BucketGone_BeforeTheBuild_SaysToCreateIt()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(BucketGone_BeforeTheBuild_SaysToCreateIt), bucket.Cache());
        await bucket.EndAsync();

        var built = await pool.BuiltAsync(pool.Build("app"));

        pool.Evidence.AddSeen("buildctl's log", built.Log, "NoSuchBucket");
        pool.Evidence.AddSeen("buildctl's log of writing the cache", built.CacheLog!, "NoSuchBucket");
        built.Cache.Imported.ShouldBe(false);
        var missing = $"there is no bucket {bucket.Name}: create it";
        await pool.HealthAsync(built, Reasons.CacheUnreadable, $"could not be read: {missing}", $"was not written: {missing}");
    }

    [Fact]
    public async Task KeysRevoked_InAStep_IsBuiltOnceMoreWithoutTheCache()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var proxy = await S3Proxy.StartAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(KeysRevoked_InAStep_IsBuiltOnceMoreWithoutTheCache), bucket.Cache(proxy));
        await pool.BuiltAsync(pool.Of("first", null, TwoStages("RUN true")));
        await pool.FreshBuilderAsync();
        var build = pool.Of("second", null, TwoStages(pool.Sleep(15)));
        await pool.Tenant.CreateAsync(build);
        await pool.InTheStepAsync("second");
        // The server knows no such key, and says so itself.
        proxy.Script.Add(new("with a key that is none", ".*", ".*", ProxiedCall.Sends(headers => headers.Authorization = KeyId().Replace($"{headers.Authorization}", "Credential=REVOKED"))));

        var second = await pool.EndAsync("second");

        pool.Evidence.AddSeen("the S3 server's record", proxy.Script.Record, @"GET .*/blobs/.*: 403 \(with a key that is none\)");
        pool.Evidence.AddSeen("buildctl's log", second.Log, "GetObject.*403");
        pool.Evidence.AddSeen("buildctl's log of writing the cache", second.CacheLog!, "403");
        var refused = $"bucket {bucket.Name} refuses the credentials of Secret s3 (401 or 403)";
        await pool.HealthAsync(second, Reasons.CacheBroken, $"could not be fetched: {refused}", $"was not written: {refused}");
    }

    [Fact]
    public async Task KeysMissing_WhereTheBuildIs_SaysSo()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var pool = await CachedPool.StartAsync(fixture, nameof(KeysMissing_WhereTheBuildIs_SaysSo), bucket.Cache());
        await using var other = await fixture.TenantAsync(pool: pool.Key);

        var built = await pool.BuiltAsync(pool.Build("app", tenant: other), other);

        pool.Evidence.Add("Secrets of the build's namespace", await fixture.Cluster.KubectlAsync("--namespace", other.Name, "get", "secrets", "--output", "name"));
        pool.Evidence.AddSeen("the Job's log", built.Log, "The Secret s3 of the pool's cache is not in this namespace.*Building without the remote cache");
        built.Cache.Imported.ShouldBe(false);
        await pool.HealthAsync(built, Reasons.CacheCredentialsMissing, "The Secret s3 of the pool's cache is not in this namespace");
        (await bucket.KeysAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task CacheRegistryUnavailable_AllTheTime_IsDoneWithout()
    {
        await using var pool = await CachedPool.StartInRegistryAsync(fixture, nameof(CacheRegistryUnavailable_AllTheTime_IsDoneWithout));
        fixture.Proxy.Of(pool.Tenant).Add(new("503", ".*", $"/{pool.Key.Namespace}/cache/", ProxiedCall.Answers(503)));

        var built = await pool.BuiltAsync(pool.Build("app"));

        pool.Evidence.AddSeen("the registry's record", fixture.Proxy.Of(pool.Tenant).Record, @"/cache/.*: 503 \(503\)");
        pool.Evidence.AddSeen("buildctl's log", built.Log, "importer.*503");
        pool.Evidence.AddSeen("buildctl's log of writing the cache", built.CacheLog!, "503");
        var busy = $"the registry of {pool.Repository} is busy or broken (429 or 5xx)";
        await pool.HealthAsync(built, Reasons.CacheUnreadable, $"could not be read: {busy}", $"was not written: {busy}");
    }

    [Fact]
    public async Task CacheRegistryStopped_AllTheTime_IsDoneWithout()
    {
        // Nobody listens at this port.
        var cache = CachedPool.InRegistry($"{fixture.Proxy.Plain.Host.Split(':')[0]}:1/cache");
        await using var pool = await CachedPool.StartAsync(
            fixture, nameof(CacheRegistryStopped_AllTheTime_IsDoneWithout), cache with { Registry = cache.Registry! with { CredentialsSecretRef = null } });

        var built = await pool.BuiltAsync(pool.Build("app"));

        pool.Evidence.AddSeen("buildctl's log", built.Log, "importer.*connection refused");
        pool.Evidence.AddSeen("buildctl's log of writing the cache", built.CacheLog!, "connection refused");
        var unreachable = $"the registry of {cache.Registry!.Repository} cannot be reached from the builder";
        await pool.HealthAsync(built, Reasons.CacheUnreadable, $"could not be read: {unreachable}", $"was not written: {unreachable}");
    }

    /// <summary>What the second stage has of the cache is fetched once the first stage's last step has ended.</summary>
    private string TwoStages(string step) => $"""
        FROM busybox:stable AS first
        {step}
        RUN echo first > /first
        FROM busybox:stable
        RUN echo early of {fixture.Cluster.Registry.Host} > /early
        COPY --from=first /first /first
        """;

    [GeneratedRegex("Credential=[^/]*")]
    private static partial Regex KeyId();
}
