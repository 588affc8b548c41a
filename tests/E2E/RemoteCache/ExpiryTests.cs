using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Amazon.S3;
using Amazon.S3.Model;
using Slipway.Api;
using Slipway.Tests.E2E.Faults;

namespace Slipway.Tests.E2E.RemoteCache;

/// <summary>How a pool's cache goes, beside those who also want something of its bucket.</summary>
public sealed class ExpiryTests(ClusterFixture fixture)
{
    private const string Denied = "<Error><Code>AccessDenied</Code><Message>not here</Message></Error>";
    private const string Unknown = "<Error><Code>NotImplemented</Code><Message>not here</Message></Error>";

    [Fact]
    public async Task RulesOfOthers_BeforeAndPutBackAfterwards_StayBesideOurs()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await bucket.PutRulesAsync(Rule("logs", "logs/", 7), Rule("archive", "", 365));
        await using var pool = await CachedPool.StartAsync(fixture, nameof(RulesOfOthers_BeforeAndPutBackAfterwards_StayBesideOurs), bucket.Cache(), slots: 0);

        (await pool.ExpiryAsync(Reasons.CacheLifecycleApplied)).Status.ShouldBe("True");

        await pool.AddExpirySeenAsync("Wrote the bucket's rules, 4 with those of others");
        var first = await WordsAsync(bucket);
        pool.Evidence.Add("the bucket's rules", first);
        first.ShouldBe(["logs logs/ 7", "archive  365", .. await OursAsync(pool, "t/", 14)], ignoreOrder: true);

        await bucket.PutRulesAsync(Rule("logs", "logs/", 7), Rule("archive", "", 365), Rule("tmp", "tmp/", 1));
        await pool.PatchPoolAsync(Ttl("240h"));
        (await pool.ExpiryAsync(Reasons.CacheLifecycleApplied)).Status.ShouldBe("True");

        await pool.AddExpirySeenAsync("Wrote the bucket's rules, 5 with those of others");
        var second = await WordsAsync(bucket);
        pool.Evidence.Add("the bucket's rules, after somebody put back others and the ttl changed", second);
        second.ShouldBe(["logs logs/ 7", "archive  365", "tmp tmp/ 1", .. await OursAsync(pool, "t/", 10)], ignoreOrder: true);
    }

    [Fact]
    public async Task RuleOfOthers_ForTheWholeBucketAfterAWeek_IsAConflict()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await bucket.PutRulesAsync(Rule("weekly-clean", "", 7));
        await using var pool = await CachedPool.StartAsync(fixture, nameof(RuleOfOthers_ForTheWholeBucketAfterAWeek_IsAConflict), bucket.Cache(), slots: 0);

        var condition = await pool.ExpiryAsync(Reasons.CacheExpiryConflict);

        pool.Evidence.AddSeen("the bucket's rules", await WordsAsync(bucket), "weekly-clean  7");
        condition.Status.ShouldBe("False");
        condition.Message.ShouldContain("rule \"weekly-clean\" deletes everything after 7 days");
        (await WordsAsync(bucket)).ShouldBe(["weekly-clean  7", .. await OursAsync(pool, "t/", 14)], ignoreOrder: true);
    }

    [Fact]
    public Task LifecycleDenied_ByTheServer_IsSwept() => SweptAsync(nameof(LifecycleDenied_ByTheServer_IsSwept), 403, Denied, "the credentials may not change the rules of the bucket");

    [Fact]
    public Task LifecycleUnknown_ToTheServer_IsSwept() => SweptAsync(nameof(LifecycleUnknown_ToTheServer_IsSwept), 501, Unknown, "since the bucket's rules cannot be read and written back as they are (the server knows none");

    [Fact]
    public async Task TtlOfHours_WithAServerThatKnowsRules_IsSwept()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var proxy = await S3Proxy.StartAsync(fixture);
        await bucket.PutAsync("t/blobs/sha256:young");
        await using var pool = await CachedPool.StartAsync(fixture, nameof(TtlOfHours_WithAServerThatKnowsRules_IsSwept), bucket.Cache(proxy) with { Ttl = "71h" }, slots: 0);

        var condition = await pool.ExpiryAsync(Reasons.CacheSwept);

        await pool.AddExpirySeenAsync("Swept: 0 manifests deleted and 0 kept, 0 blobs deleted and 1 kept");
        condition.Status.ShouldBe("True");
        condition.Message.ShouldContain("since rules of a bucket count whole days");
        (await WordsAsync(bucket)).ShouldBeEmpty();
    }

    [Fact]
    public async Task TwoPools_WithOneBucket_HaveTheirRulesOneAfterTheOther()
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var first = await CachedPool.StartAsync(fixture, nameof(TwoPools_WithOneBucket_HaveTheirRulesOneAfterTheOther), bucket.Cache(), slots: 0);
        await using var second = await CachedPool.StartAsync(fixture, test: null, bucket.Cache(prefix: "u/"), slots: 0);

        (await first.ExpiryAsync(Reasons.CacheLifecycleApplied)).Status.ShouldBe("True");
        (await second.ExpiryAsync(Reasons.CacheLifecycleApplied)).Status.ShouldBe("True");

        first.Evidence.AddSeen("the bucket's rules", await WordsAsync(bucket), "^slipway-");
        (await WordsAsync(bucket)).ShouldBe([.. await OursAsync(first, "t/", 14), .. await OursAsync(second, "u/", 14)], ignoreOrder: true);
        var (one, other) = (first.ExpiryJobs().ShouldHaveSingleItem(), second.ExpiryJobs().ShouldHaveSingleItem());
        first.Evidence.Add("the API server's watch of both Jobs", new[] { one, other }.Select(life => $"{life.Job.Metadata.NamespaceProperty}/{life.Job.Metadata.Name}: from revision {life.Created} to {life.Ended}"));
        (one.Ended!.Value < other.Created || other.Ended!.Value < one.Created).ShouldBeTrue();
    }

    private async Task SweptAsync(string test, int status, string answer, string why)
    {
        await using var bucket = await CacheBucket.CreateAsync(fixture);
        await using var proxy = await S3Proxy.StartAsync(fixture);
        proxy.Script.Add(new("?lifecycle", ".*", ".*", ProxiedCall.Answers(status, answer, ("Content-Type", "application/xml"))) { Query = "lifecycle" });
        await using var pool = await CachedPool.StartAsync(fixture, test, bucket.Cache(proxy), slots: 0);

        var condition = await pool.ExpiryAsync(Reasons.CacheSwept);

        pool.Evidence.AddSeen("the S3 server's record", proxy.Script.Record, $@": {status} \(\?lifecycle\)");
        await pool.AddExpirySeenAsync("The bucket's rules cannot do it, so this run does");
        condition.Status.ShouldBe("True");
        condition.Message.ShouldContain(why);
    }

    /// <summary>Manifests stay as long as the cache, blobs by their touching, the longest build and two days longer.</summary>
    private static async Task<IReadOnlyList<string>> OursAsync(CachedPool pool, string prefix, int days)
    {
        var uid = (await pool.PoolAsync("there", _ => true)).Metadata.Uid;
        var ours = $"slipway-{uid}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(prefix)))[..8]}";
        return [$"{ours}-manifests {prefix}manifests/ {days}", $"{ours}-blobs {prefix}blobs/ {days + 4}"];
    }

    /// <summary>This server gives them back by their names.</summary>
    private static async Task<IReadOnlyList<string>> WordsAsync(CacheBucket bucket) =>
        [.. (await bucket.RulesAsync()).Select(rule => $"{rule.Id} {(rule.Filter?.LifecycleFilterPredicate as LifecyclePrefixPredicate)?.Prefix} {rule.Expiration?.Days}")];

    private static LifecycleRule Rule(string id, string prefix, int days) => new()
    {
        Id = id,
        Status = LifecycleRuleStatus.Enabled,
        Filter = new LifecycleFilter { LifecycleFilterPredicate = new LifecyclePrefixPredicate { Prefix = prefix } },
        Expiration = new LifecycleRuleExpiration { Days = days },
    };

    private static JsonObject Ttl(string ttl) => new() { ["cache"] = new JsonObject { ["ttl"] = ttl } };
}
