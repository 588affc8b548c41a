using Slipway.Runner;
using Slipway.Tests.Unit.S3;

namespace Slipway.Tests.Unit.Runner;

/// <summary>The verb against an S3 server on loopback; the clock is the test's.</summary>
public sealed class ExpireCacheVerbTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Now = new(2026, 3, 20, 12, 0, 0, TimeSpan.Zero);

    private readonly StringWriter _log = new();
    private readonly WatchedTime _time = new();
    private readonly TemporaryFolder _keys = new();
    private FakeS3 _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private ExpireCacheDescription Expire => new()
    {
        Owner = "11-22",
        TtlSeconds = 14 * 24 * 3600,
        VerifyAfterSeconds = 0,
        CredentialsSecret = "s3",
        S3 = new S3CacheDescription { Bucket = FakeS3.Bucket, Region = "us-east-1", Prefix = "team/", EndpointUrl = _server.Url, UsePathStyle = true, CredentialsDirectory = _keys.Path },
    };

    /// <summary>12 hours: manifests older than that, blobs older than 12 + 24 + 24 + 1.</summary>
    private ExpireCacheDescription Short => Expire with { TtlSeconds = 12 * 3600 };

    public async ValueTask InitializeAsync()
    {
        _server = await FakeS3.StartAsync();
        _time.SetUtcNow(Now);
        await File.WriteAllTextAsync(Path.Combine(_keys.Path, "AWS_ACCESS_KEY_ID"), "id", Token);
        await File.WriteAllTextAsync(Path.Combine(_keys.Path, "AWS_SECRET_ACCESS_KEY"), "secret", Token);
    }

    public async ValueTask DisposeAsync()
    {
        _keys.Dispose();
        await _log.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Expire_WhenTheBucketHasNoRules_PutsTwo()
    {
        var result = await RunAsync(Expire);

        result.Failure.ShouldBeNull();
        Words(result.Expiry).ShouldBe("Lifecycle  complete; manifests -, blobs -");
        _server.Rules!.ShouldContain("<Expiration><Days>14</Days></Expiration><Filter><Prefix>team/manifests/</Prefix></Filter><ID>slipway-11-22-75c910ca-manifests</ID>");
        _server.Rules!.ShouldContain("<Expiration><Days>18</Days></Expiration><Filter><Prefix>team/blobs/</Prefix></Filter><ID>slipway-11-22-75c910ca-blobs</ID>");
        _server.Requests.ToArray().ShouldBe(["GET versioning", "GET lifecycle", "PUT lifecycle", "GET lifecycle"]);
    }

    [Fact]
    public async Task Expire_WhenTheRulesAreThere_PutsNothing()
    {
        await RunAsync(Expire);
        _server.Requests.Clear();

        (await RunAsync(Expire with { VerifyAfterSeconds = 60 })).Expiry!.Complete.ShouldBeTrue("and it waits for nothing");

        _server.Requests.ToArray().ShouldBe(["GET versioning", "GET lifecycle"]);
    }

    [Fact]
    public async Task Expire_WhenTheBucketKeepsVersions_LetsThemGo()
    {
        _server.Versioned = true;
        await RunAsync(Expire);
        _server.Rules!.ShouldContain("<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>");
    }

    [Theory]
    [InlineData(403, "AccessDenied", true)]
    [InlineData(501, "NotImplemented", false)]
    public async Task Expire_WhenNobodySaysWhetherThereAreVersions_AsksOnlyWhereTheServerKnowsThem(int status, string code, bool asks)
    {
        _server.Fault = context => context.Request.Query.ContainsKey("versioning") ? FakeS3.RefuseAsync(context, status, code) : Task.FromResult(false);
        (await RunAsync(Expire)).Expiry!.Means.ShouldBe(ExpiryResult.Lifecycle);
        _server.Rules!.Contains("NoncurrentVersionExpiration", StringComparison.Ordinal).ShouldBe(asks);
    }

    [Fact]
    public async Task Expire_WhenAnotherWriterPutsItsOlderListBack_PutsOursAgain()
    {
        _server.Rules = Lifecycle(Foreign("a", 30));
        var running = RunAsync(Expire with { VerifyAfterSeconds = 60 });
        await _time.TimerAsync(TimeSpan.FromSeconds(60));
        _server.Rules = Lifecycle(Foreign("a", 30), Foreign("b", 31));
        _time.Advance(TimeSpan.FromSeconds(60));
        await _time.TimerAsync(TimeSpan.FromSeconds(60));
        _time.Advance(TimeSpan.FromSeconds(60));

        (await running).Expiry!.Complete.ShouldBeTrue();
        foreach (var id in new[] { "a", "b", "slipway-11-22-75c910ca-manifests", "slipway-11-22-75c910ca-blobs" }) _server.Rules.ShouldContain($"<ID>{id}</ID>");
        _server.Requests.Count(request => request == "PUT lifecycle").ShouldBe(2);
    }

    // What has gone since is gone because somebody wanted it so.
    [Fact]
    public async Task Expire_WhenSomebodyTakesTheirRuleAwayMeanwhile_DoesNotPutItBack()
    {
        _server.Rules = Lifecycle(Foreign("a", 30));
        var running = RunAsync(Expire with { VerifyAfterSeconds = 60 });
        await _time.TimerAsync(TimeSpan.FromSeconds(60));
        _server.Rules = _server.Rules!.Replace(_server.Rules[_server.Rules.IndexOf("<Rule>", StringComparison.Ordinal)..(_server.Rules.IndexOf("</Rule>", StringComparison.Ordinal) + 7)], "", StringComparison.Ordinal);
        _server.Rules.ShouldNotContain("<ID>a</ID>");
        _time.Advance(TimeSpan.FromSeconds(60));

        (await running).Expiry!.Complete.ShouldBeTrue();
        _server.Requests.Count(request => request == "PUT lifecycle").ShouldBe(1);
    }

    [Fact]
    public async Task Expire_WhenSomebodyAlwaysWritesOverThem_GivesUpAndSaysSo()
    {
        _server.Fault = context => Task.FromResult(FakeS3.IsOfRules(context) && context.Request.Method == "PUT");

        var result = await RunAsync(Expire);

        result.Failure.ShouldBeNull();
        result.Expiry!.Complete.ShouldBeFalse();
        result.Expiry.Conflicts.ShouldBe(["other rules were written over those of this cache 3 times"]);
    }

    [Fact]
    public async Task Expire_WhenOthersRulesComeFirst_NamesAtMostFive()
    {
        _server.Rules = Lifecycle([.. Enumerable.Range(1, 7).Select(number => Foreign($"r{number}", number))]);
        var conflicts = (await RunAsync(Expire)).Expiry!.Conflicts;
        conflicts.Count.ShouldBe(5);
        conflicts[1].ShouldBe("rule \"r2\" deletes everything after 2 days, blobs of the cache have to stay 18");
    }

    [Fact]
    public async Task Expire_WhenTheBucketIsFullOfRules_SaysSo()
    {
        _server.Rules = Lifecycle([.. Enumerable.Range(0, 999).Select(number => Foreign($"r{number}", 400))]);
        var before = _server.Rules;
        Words((await RunAsync(Expire)).Failure).ShouldBe("Config CacheRulesTooMany");
        _server.Rules.ShouldBe(before);
    }

    [Theory]
    [InlineData(403, "AccessDenied", "LifecycleDenied")]
    [InlineData(501, "NotImplemented", "LifecycleUnsupported")]
    [InlineData(405, "MethodNotAllowed", "LifecycleUnsupported")]
    [InlineData(400, "MalformedXML", "LifecycleUnsupported")]
    public async Task Expire_WhenTheBucketTakesNoRules_Sweeps(int status, string code, string why)
    {
        foreach (var method in new[] { "GET", "PUT" })
        {
            _server.Add("team/manifests/old", Now.AddDays(-15), "{}");
            _server.Fault = context => FakeS3.IsOfRules(context) && context.Request.Method == method ? FakeS3.RefuseAsync(context, status, code) : Task.FromResult(false);

            Words((await RunAsync(Expire)).Expiry).ShouldBe($"Sweep {why} complete; manifests 0 of 1, blobs 0 of 0");
        }

        _server.Objects.ShouldBeEmpty();
    }

    [Fact]
    public async Task Sweep_WhenTheTtlIsShort_DeletesWhatIsOldAndNotNeeded()
    {
        _server.PageSize = 2;
        _server.Add("team/manifests/young", Now.AddHours(-11), Manifest("a", "b"));
        _server.Add("team/manifests/old", Now.AddHours(-13), Manifest("c"));
        _server.Add("team/blobs/sha256:a", Now.AddDays(-100));
        _server.Add("team/blobs/sha256:b", Now.AddHours(-1));
        _server.Add("team/blobs/sha256:c", Now.AddHours(-62));
        _server.Add("team/blobs/sha256:d", Now.AddHours(-60));
        _server.Add("team/blobs/", Now.AddDays(-100));
        _server.Add("other/blobs/sha256:c", Now.AddDays(-100));
        _server.Add("team/manifests-of-others", Now.AddDays(-100));

        Words((await RunAsync(Short)).Expiry).ShouldBe("Sweep TtlShort complete; manifests 1 of 2, blobs 3 of 4");

        _server.Keys.ShouldBe(["other/blobs/sha256:c", "team/blobs/", "team/blobs/sha256:a", "team/blobs/sha256:b", "team/blobs/sha256:d", "team/manifests-of-others", "team/manifests/young"]);
        _server.Requests.ShouldNotContain("GET lifecycle");
        _log.ToString().ShouldContain("Swept: 1 manifests deleted and 1 kept, 1 blobs deleted and 3 kept.");
    }

    [Fact]
    public async Task Sweep_WhenDoneAgain_DeletesNothing()
    {
        _server.Add("team/manifests/old", Now.AddHours(-13), "{}");
        _server.Add("team/blobs/sha256:c", Now.AddHours(-62));
        await RunAsync(Short);
        Words((await RunAsync(Short)).Expiry).ShouldBe("Sweep TtlShort complete; manifests 0 of 0, blobs 0 of 0");
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("[]")]
    [InlineData("""{"layers":{}}""")]
    [InlineData("""{"layers":[{"parent":-1}]}""")]
    [InlineData("")]
    public async Task Sweep_WhenAManifestCannotBeRead_KeepsAllBlobs(string body)
    {
        _server.Add("team/manifests/odd", Now, body);
        _server.Add("team/manifests/old", Now.AddHours(-13), "{}");
        _server.Add("team/blobs/sha256:c", Now.AddDays(-100));

        var result = await RunAsync(Short);

        Words(result.Expiry).ShouldBe("Sweep TtlShort; manifests 1 of 2, blobs -");
        result.Failure.ShouldBeNull();
        result.Expiry!.Conflicts.ShouldBe(["the manifest \"odd\" cannot be read, so no blob was deleted"]);
        _server.Keys.ShouldBe(["team/blobs/sha256:c", "team/manifests/odd"]);
    }

    [Theory]
    [InlineData("GET", "team/manifests/")]
    [InlineData("POST", "")]
    public async Task Sweep_WhenManifestsCannotBeListedOrDeleted_KeepsAllBlobs(string method, string prefix)
    {
        _server.Add("team/manifests/old", Now.AddHours(-13), "{}");
        _server.Add("team/blobs/sha256:c", Now.AddDays(-100));
        _server.Fault = context => context.Request.Method == method && context.Request.Query["prefix"].ToString() == prefix ? FakeS3.RefuseAsync(context, 403, "AccessDenied") : Task.FromResult(false);

        var result = await RunAsync(Short);

        Words(result.Failure).ShouldBe("Config CacheBucketUnauthorized");
        Words(result.Expiry).ShouldBe("Sweep TtlShort; manifests 0 of 0, blobs -");
        _server.Keys.Count().ShouldBe(2);
    }

    [Fact]
    public async Task Sweep_WhenTheBucketKeepsVersions_SaysThatTheRoomStays()
    {
        _server.Versioned = true;
        (await RunAsync(Short)).Expiry!.Conflicts.ShouldHaveSingleItem().ShouldStartWith("the bucket keeps versions");
    }

    [Fact]
    public async Task Sweep_WhenItsTimeIsOver_SaysHowFarItCame()
    {
        _server.PageSize = 1;
        _server.Add("team/manifests/a", Now.AddHours(-13), "{}");
        _server.Add("team/manifests/b", Now.AddHours(-13), "{}");
        _server.Fault = context =>
        {
            if (context.Request.Query.ContainsKey("continuation-token")) _time.Advance(TimeSpan.FromSeconds(901));
            return Task.FromResult(false);
        };

        var result = await RunAsync(Short);

        Words(result.Failure).ShouldBe("Timeout TimedOut");
        Words(result.Expiry).ShouldBe("Sweep TtlShort; manifests 0 of 1, blobs -");
    }

    [Fact]
    public async Task Sweep_WhenItTakesLong_SaysHowFarItIs()
    {
        _server.PageSize = 1;
        foreach (var number in Enumerable.Range(0, 3)) _server.Add($"team/blobs/sha256:{number}", Now);
        _server.Fault = context =>
        {
            _time.Advance(TimeSpan.FromSeconds(16));
            return Task.FromResult(false);
        };
        await RunAsync(Short);
        _log.ToString().ShouldContain("So far: 0 blobs deleted and 1 kept.");
    }

    [Theory]
    [InlineData(403, "InvalidAccessKeyId", "Config CacheBucketUnauthorized")]
    [InlineData(404, "NoSuchBucket", "Config CacheBucketMissing")]
    [InlineData(301, "PermanentRedirect", "Config CacheBucketRefused")]
    public async Task Expire_WhenTheServerRefusesAll_SaysWhy(int status, string code, string expected)
    {
        _server.Fault = context => FakeS3.RefuseAsync(context, status, code);
        foreach (var description in new[] { Expire, Short }) Words((await RunAsync(description)).Failure).ShouldBe(expected);
    }

    [Fact]
    public async Task Expire_WhenNobodyListens_MayBeTriedAgain()
    {
        var description = Expire;
        await _server.DisposeAsync();
        var failure = (await RunAsync(description)).Failure;
        Words(failure).ShouldBe("Infrastructure CacheBucketUnavailable");
        _server = await FakeS3.StartAsync();
    }

    [Fact]
    public async Task Expire_WhenTheSecretIsMissing_SaysWhatToDo()
    {
        File.Delete(Path.Combine(_keys.Path, "AWS_SECRET_ACCESS_KEY"));
        var failure = (await RunAsync(Expire)).Failure;
        Words(failure).ShouldBe("Config CredentialsSecretMissing");
        failure!.Message.ShouldBe("The Secret s3 with the keys for the bucket cache-bucket is not in this namespace, or has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: create it.");
        _server.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Expire_WhenToldToEnd_SaysThat()
    {
        using var interrupted = new CancellationTokenSource();
        var running = new ExpireCacheVerb(_log, _time).RunAsync(Expire with { VerifyAfterSeconds = 60 }, interrupted.Token);
        await _time.TimerAsync(TimeSpan.FromSeconds(60));
        await interrupted.CancelAsync();
        Words((await running).Failure).ShouldBe("Infrastructure Interrupted");
    }

    [Fact]
    public async Task Expire_WhateverHappens_LogsNoKeys()
    {
        await File.WriteAllTextAsync(Path.Combine(_keys.Path, "AWS_SECRET_ACCESS_KEY"), "very-secret", Token);
        _server.Fault = context => FakeS3.RefuseAsync(context, 403, "SignatureDoesNotMatch");
        var result = await RunAsync(Expire);
        (_log + RunnerJson.Serialize(result)).ShouldNotContain("very-secret");
    }

    private Task<RunResult> RunAsync(ExpireCacheDescription description)
    {
        DescriptionCheck.Problems(description).ShouldBeEmpty();
        return new ExpireCacheVerb(_log, _time).RunAsync(description, Token);
    }

    private static string Words(ExpiryResult? expiry)
    {
        return expiry is null ? "none" : $"{expiry.Means} {expiry.Why}{(expiry.Complete ? " complete" : "")}; manifests {Count(expiry.Manifests)}, blobs {Count(expiry.Blobs)}";

        static string Count(ExpiredObjects? objects) => objects is null ? "-" : $"{objects.Kept} of {objects.Kept + objects.Deleted}";
    }

    private static string Words(RunFailure? failure) => failure is null ? "none" : $"{failure.Class} {failure.Reason}";

    private static string Manifest(params string[] blobs) =>
        $$"""{"layers":[{{string.Join(',', blobs.Select(blob => $$"""{"blob":"sha256:{{blob}}","parent":-1}"""))}}],"records":[{"digest":"sha256:r"}]}""";

    private static string Lifecycle(params string[] rules) => $"<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{string.Concat(rules)}</LifecycleConfiguration>";

    private static string Foreign(string id, int days) => $"<Rule><ID>{id}</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><Expiration><Days>{days}</Days></Expiration></Rule>";
}
