using Amazon.S3;
using Amazon.S3.Model;
using Microsoft.Extensions.Time.Testing;
using Slipway.Runner;
using Slipway.S3;
using Slipway.Tests.S3;
using S3Bucket = Slipway.S3.S3Bucket;

namespace Slipway.Tests.Integration.S3;

/// <summary>
/// slipway expire-cache in the test's process, against the local cluster's S3 server. That keeps rules and never runs them: what they
/// would do is computed from what it gives back.
/// </summary>
public sealed class ExpiryTests : IClassFixture<S3Server>, IDisposable
{
    private readonly S3Server _server;
    private readonly StringWriter _log = new();
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly TemporaryFolder _keys = new();

    public ExpiryTests(S3Server server)
    {
        _server = server;
        File.WriteAllText(KeyFile("AWS_ACCESS_KEY_ID"), server.Keys.AccessKeyId);
        File.WriteAllText(KeyFile("AWS_SECRET_ACCESS_KEY"), server.Keys.SecretAccessKey + "\n");
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        TestContext.Current.TestOutputHelper?.WriteLine(_log.ToString());
        _keys.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task Expire_WhenTheBucketHasNoRules_LeavesSuchAsNeverPartAManifestFromItsBlobs()
    {
        await using var bucket = await _server.BucketAsync();

        (await RunAsync(Of(bucket))).Expiry.ShouldNotBeNull().Complete.ShouldBeTrue();

        var rules = await bucket.RulesAsync();
        rules.Select(rule => rule.Id).ShouldBe(["slipway-pool-1-75c910ca-blobs", "slipway-pool-1-75c910ca-manifests"], ignoreOrder: true);
        rules.ShouldAllBe(rule => rule.AbortIncompleteMultipartUpload.DaysAfterInitiation == 2);
        var start = new DateTimeOffset(2026, 3, 1, 10, 30, 0, TimeSpan.Zero);
        var exports = Enumerable.Range(0, 60).Select(day => new Export(start.AddHours(23 * day), TimeSpan.FromHours(day % 24), "main", [0, day / 7 + 1]))
            .Append(new Export(start.AddDays(5), TimeSpan.FromHours(24), "rare", [0, 1, 99]));
        var model = new S3ExpiryModel(rules, "team/", TimeSpan.FromHours(24), (key, _) => key.Contains("manifests/", StringComparison.Ordinal) ? TimeSpan.FromHours(47) : TimeSpan.Zero);
        model.Violation(exports, start.AddDays(200)).ShouldBeNull();
        model.Objects.ShouldBeEmpty("all goes in the end");
    }

    [Fact]
    public async Task Expire_WhenTheBucketKeepsVersions_LeavesRulesThatEndThem()
    {
        await using var bucket = await _server.BucketAsync();
        await bucket.KeepVersionsAsync();

        (await RunAsync(Of(bucket))).Expiry.ShouldNotBeNull().Complete.ShouldBeTrue();

        var rules = await bucket.RulesAsync();
        rules.Count.ShouldBe(2);
        rules.ShouldAllBe(rule => rule.NoncurrentVersionExpiration.NoncurrentDays == 1);
        (await RunAsync(Of(bucket) with { VerifyAfterSeconds = 600 })).Expiry!.Complete.ShouldBeTrue("the rules as they were read are the rules as they were written");
    }

    /// <summary>What nobody sees any more takes its room still.</summary>
    [Fact]
    public async Task Sweep_OfABucketThatKeepsVersions_SaysThatTheRoomStays()
    {
        await using var bucket = await _server.BucketAsync();
        await bucket.KeepVersionsAsync();
        await bucket.PutAsync("team/manifests/main", Manifest("a"));
        await bucket.PutAsync("team/manifests/main", Manifest("a"));
        await bucket.PutAsync("team/blobs/sha256:a");
        _time.Advance(TimeSpan.FromDays(10));

        var expiry = (await RunAsync(Of(bucket) with { TtlSeconds = 3600 })).Expiry!;

        (expiry.Manifests, expiry.Blobs).ShouldBe((new ExpiredObjects(0, 1), new ExpiredObjects(0, 1)));
        (await bucket.KeysAsync()).ShouldBeEmpty();
        (await bucket.VersionsAsync()).Count(version => !version.IsDeleteMarker.GetValueOrDefault()).ShouldBe(3);
        expiry.Conflicts.ShouldHaveSingleItem().ShouldStartWith("the bucket keeps versions");
    }

    [Fact]
    public async Task Expire_WhenDoneAgain_PutsNothing()
    {
        await using var bucket = await _server.BucketAsync();
        await RunAsync(Of(bucket));
        using var s3 = new S3Bucket(bucket.Connection);
        var read = (await s3.GetRulesAsync(Token)).Rules;

        S3Lifecycle.Merge(read, S3Lifecycle.Rules(Retention, versioned: false), Retention).Changed.ShouldBeFalse();
        (await RunAsync(Of(bucket) with { VerifyAfterSeconds = 600 })).Expiry!.Complete.ShouldBeTrue("it waits for nothing");
    }

    [Fact]
    public async Task Expire_WhenOthersHaveRules_LeavesThemAndNamesThoseThatComeFirst()
    {
        await using var bucket = await _server.BucketAsync();
        await bucket.PutRulesAsync(
            Foreign("archive", new LifecyclePrefixPredicate { Prefix = "logs/" }, rule => rule.Transitions = [new LifecycleTransition { Days = 30, StorageClass = S3StorageClass.Glacier }]),
            Foreign("clean", new LifecyclePrefixPredicate { Prefix = "" }),
            Foreign("tags", And(new LifecyclePrefixPredicate { Prefix = "team/" }, Tag("a"), Tag("b"))),
            Foreign("zz", new LifecyclePrefixPredicate { Prefix = "z/" }, rule => rule.Status = LifecycleRuleStatus.Disabled));
        var before = (await bucket.RulesAsync()).Select(Words).ToList();

        var expiry = (await RunAsync(Of(bucket))).Expiry!;

        expiry.Conflicts.ShouldBe(["rule \"clean\" deletes everything after 7 days, blobs of the cache have to stay 18"]);
        var after = await bucket.RulesAsync();
        after.Count.ShouldBe(6);
        after.Where(rule => !rule.Id.StartsWith("slipway-", StringComparison.Ordinal)).Select(Words).ShouldBe(before, ignoreOrder: true);
    }

    [Fact]
    public async Task Expire_WhenTwoPoolsShareABucket_KeepsTheRulesOfBoth()
    {
        await using var bucket = await _server.BucketAsync();
        var other = Of(bucket) with { Owner = "pool-2", S3 = Of(bucket).S3! with { Prefix = "other/" } };
        await Task.WhenAll(RunAsync(Of(bucket)), RunAsync(other));
        // Without a pause between write and look the last writer may be alone: the next run mends that.
        foreach (var description in new[] { Of(bucket), other }) (await RunAsync(description)).Expiry!.Complete.ShouldBeTrue();
        (await bucket.RulesAsync()).Select(rule => rule.Id).ShouldBe(["slipway-pool-1-75c910ca-blobs", "slipway-pool-1-75c910ca-manifests", "slipway-pool-2-184144ec-blobs", "slipway-pool-2-184144ec-manifests"], ignoreOrder: true);
    }

    [Theory]
    [InlineData(403, "AccessDenied", "LifecycleDenied")]
    [InlineData(501, "NotImplemented", "LifecycleUnsupported")]
    public async Task Expire_WhenTheServerTakesNoRules_SweepsAndSaysWhy(int status, string code, string why)
    {
        await using var bucket = await _server.BucketAsync();
        await using var proxy = await LifecycleProxy.StartAsync(_server.Url, status, code);
        await bucket.PutAsync("team/manifests/main", Manifest("a"));
        await bucket.PutAsync("team/blobs/sha256:a");
        _time.Advance(TimeSpan.FromDays(17));
        var throughProxy = Of(bucket) with { S3 = Of(bucket).S3! with { EndpointUrl = proxy.Url } };

        var expiry = (await RunAsync(throughProxy)).Expiry!;

        (expiry.Means, expiry.Why, expiry.Complete).ShouldBe((ExpiryResult.Sweep, why, true));
        (expiry.Manifests, expiry.Blobs).ShouldBe((new ExpiredObjects(0, 1), new ExpiredObjects(0, 1)));
        (await bucket.KeysAsync()).ShouldBeEmpty();
        (await bucket.RulesAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Sweep_AsTheDaysGoBy_DeletesManifestsFirstAndBlobsWhenNobodyNeedsThem()
    {
        await using var bucket = await _server.BucketAsync();
        foreach (var key in new[] { "team/blobs/sha256:a", "team/blobs/sha256:b", "elsewhere/blobs/sha256:a" }) await bucket.PutAsync(key);
        await bucket.PutAsync("team/manifests/main", Manifest("a"));
        var hours = Of(bucket) with { TtlSeconds = 48 * 3600 };

        _time.Advance(TimeSpan.FromHours(47));
        (await SweptAsync(hours)).ShouldBe("manifests 1+0, blobs 2+0");
        _time.Advance(TimeSpan.FromHours(2));
        (await SweptAsync(hours)).ShouldBe("manifests 0+1, blobs 2+0");
        _time.Advance(TimeSpan.FromHours(49));
        (await SweptAsync(hours)).ShouldBe("manifests 0+0, blobs 0+2");
        (await bucket.KeysAsync()).ShouldBe(["elsewhere/blobs/sha256:a"]);
    }

    [Fact]
    public async Task Sweep_OfMoreThanOnePage_ComesToTheEnd()
    {
        await using var bucket = await _server.BucketAsync();
        await Parallel.ForEachAsync(Enumerable.Range(0, 1100), Token, async (number, _) => await bucket.PutAsync($"team/blobs/sha256:{number:0000}"));
        _time.Advance(TimeSpan.FromDays(10));

        (await SweptAsync(Of(bucket) with { TtlSeconds = 3600 })).ShouldBe("manifests 0+0, blobs 0+1100");
        (await bucket.KeysAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Expire_WhenThereIsNoSuchBucket_SaysSo()
    {
        await using var bucket = await _server.BucketAsync();
        var failure = (await RunAsync(Of(bucket) with { S3 = Of(bucket).S3! with { Bucket = $"{bucket.Name}-not" } })).Failure!;
        $"{failure.Class} {failure.Reason}".ShouldBe("Config CacheBucketMissing");
    }

    [Theory]
    [InlineData("AWS_ACCESS_KEY_ID")]
    [InlineData("AWS_SECRET_ACCESS_KEY")]
    public async Task Expire_WhenTheKeysAreWrong_SaysSo(string file)
    {
        await using var bucket = await _server.BucketAsync();
        await File.WriteAllTextAsync(KeyFile(file), "wrong", Token);
        var failure = (await RunAsync(Of(bucket))).Failure!;
        $"{failure.Class} {failure.Reason}".ShouldBe("Config CacheBucketUnauthorized");
    }

    [Fact]
    public async Task Objects_OfTheServer_AreListedReadAndDeleted()
    {
        await using var bucket = await _server.BucketAsync();
        await bucket.PutAsync("a/ü +&<>%2F", "text");
        using var s3 = new S3Bucket(bucket.Connection);

        var entry = (await s3.ListAsync("a/", Token).ToListAsync(Token)).SelectMany(page => page).ShouldHaveSingleItem();
        entry.Key.ShouldBe("a/ü +&<>%2F");
        (TimeProvider.System.GetUtcNow() - entry.LastModified).Duration().ShouldBeLessThan(TimeSpan.FromMinutes(5));
        (await s3.ReadAsync(entry.Key, 10, Token)).ShouldBe("text"u8.ToArray());
        (await s3.HeadAsync(entry.Key, Token)).ShouldBeTrue();
        await s3.DeleteAsync([entry.Key, "gone"], Token);
        (await s3.HeadAsync(entry.Key, Token)).ShouldBeFalse();
        (await s3.IsVersionedAsync(Token)).ShouldBeFalse();
    }

    private static S3Retention Retention => new() { Owner = "pool-1", Prefix = "team/", Ttl = TimeSpan.FromDays(14), TouchRefresh = TimeSpan.FromHours(24) };

    private string KeyFile(string name) => Path.Combine(_keys.Path, name);

    private ExpireCacheDescription Of(TestBucket bucket) => new()
    {
        Owner = "pool-1",
        TtlSeconds = 14 * 24 * 3600,
        VerifyAfterSeconds = 0,
        S3 = new S3CacheDescription { Bucket = bucket.Name, Region = TestBucket.Region, Prefix = "team/", EndpointUrl = _server.Url, UsePathStyle = true, CredentialsDirectory = _keys.Path },
    };

    private async Task<RunResult> RunAsync(ExpireCacheDescription description)
    {
        DescriptionCheck.Problems(description).ShouldBeEmpty();
        return await new ExpireCacheVerb(TextWriter.Synchronized(_log), _time).RunAsync(description, Token);
    }

    private async Task<string> SweptAsync(ExpireCacheDescription description)
    {
        var result = await RunAsync(description);
        result.Failure.ShouldBeNull();
        var expiry = result.Expiry!;
        return $"manifests {expiry.Manifests!.Kept}+{expiry.Manifests.Deleted}, blobs {expiry.Blobs!.Kept}+{expiry.Blobs.Deleted}";
    }

    private static string Manifest(params string[] blobs) =>
        $$"""{"layers":[{{string.Join(',', blobs.Select(blob => $$"""{"blob":"sha256:{{blob}}","parent":-1}"""))}}],"records":[]}""";

    private static LifecycleRule Foreign(string id, LifecycleFilterPredicate filter, Action<LifecycleRule>? change = null)
    {
        var rule = new LifecycleRule { Id = id, Status = LifecycleRuleStatus.Enabled, Filter = new LifecycleFilter { LifecycleFilterPredicate = filter }, Expiration = new LifecycleRuleExpiration { Days = id == "archive" ? 365 : 7 } };
        change?.Invoke(rule);
        return rule;
    }

    private static LifecycleTagPredicate Tag(string key) => new() { Tag = new Tag { Key = key, Value = "v" } };

    private static LifecycleAndOperator And(params LifecycleFilterPredicate[] parts) => new() { Operands = [.. parts] };

    private static string Words(LifecycleRule rule) =>
        $"{rule.Id} {rule.Status} {S3RuleScope.Of(rule)} {rule.Expiration?.Days} {string.Join(',', rule.Transitions?.Select(transition => $"{transition.Days} {transition.StorageClass}") ?? [])}";
}
