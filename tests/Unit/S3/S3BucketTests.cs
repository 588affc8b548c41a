using Microsoft.AspNetCore.Http;
using Slipway.S3;

namespace Slipway.Tests.Unit.S3;

public sealed class S3BucketTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Time = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);
    private static readonly S3Retention Retention = new() { Owner = "o", Ttl = TimeSpan.FromDays(3), TouchRefresh = TimeSpan.FromHours(24) };

    private FakeS3 _server = null!;
    private S3Bucket _bucket = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeS3.StartAsync();
        _bucket = new S3Bucket(_server.Connection);
    }

    public async ValueTask DisposeAsync()
    {
        _bucket.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task GetRules_WhenThereAreNone_GivesNone() => (await _bucket.GetRulesAsync(Token)).Rules.ShouldBeEmpty();

    [Fact]
    public async Task Rules_WhenPut_AreReadBack()
    {
        var ours = S3Lifecycle.Rules(Retention, versioned: true);
        await _bucket.PutRulesAsync(new S3Rules(ours), Token);

        S3Lifecycle.Merge((await _bucket.GetRulesAsync(Token)).Rules, ours, Retention).Changed.ShouldBeFalse();
    }

    [Theory]
    [InlineData("<Filter />")]
    [InlineData("<Filter><Prefix /></Filter>")]
    [InlineData("<Filter><Prefix>a/</Prefix></Filter>")]
    [InlineData("<Prefix />")]
    [InlineData("<Prefix>a/</Prefix>")]
    [InlineData("<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>")]
    [InlineData("<Filter><ObjectSizeLessThan>7</ObjectSizeLessThan></Filter>")]
    [InlineData("<Filter><And><Prefix>x/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>k2</Key><Value>v2</Value></Tag><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan></And></Filter>")]
    public async Task Rules_OfOthers_ArePutBackAsTheyCame(string filter)
    {
        _server.Rules = Lifecycle($"<Rule><ID>theirs</ID>{filter}<Status>Disabled</Status><Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition>" +
            "<Expiration><Days>400</Days></Expiration><NoncurrentVersionTransition><NoncurrentDays>3</NoncurrentDays><StorageClass>STANDARD_IA</StorageClass></NoncurrentVersionTransition>" +
            "<NoncurrentVersionExpiration><NewerNoncurrentVersions>4</NewerNoncurrentVersions><NoncurrentDays>9</NoncurrentDays></NoncurrentVersionExpiration></Rule>");

        var read = await _bucket.GetRulesAsync(Token);
        await _bucket.PutRulesAsync(read with { Rules = S3Lifecycle.Merge(read.Rules, S3Lifecycle.Rules(Retention, versioned: false), Retention).Rules }, Token);

        foreach (var part in new[]
                 {
                     filter, "<ID>theirs</ID>", "<Status>Disabled</Status>", "<Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition>", "<Expiration><Days>400</Days></Expiration>",
                     "<NoncurrentVersionTransition><NoncurrentDays>3</NoncurrentDays><StorageClass>STANDARD_IA</StorageClass></NoncurrentVersionTransition>",
                     "<NewerNoncurrentVersions>4</NewerNoncurrentVersions><NoncurrentDays>9</NoncurrentDays>", "<ID>slipway-o-e3b0c442-blobs</ID>",
                 })
        {
            _server.Rules.ShouldContain(part);
        }
    }

    // It would be set back to S3's default with the next list of rules that does not name it.
    [Fact]
    public async Task Rules_WhenTheBucketHasASmallestSize_KeepIt()
    {
        string? put = null;
        _server.Fault = context =>
        {
            if (!FakeS3.IsOfRules(context)) return Task.FromResult(false);
            if (context.Request.Method == "PUT") put = context.Request.Headers["x-amz-transition-default-minimum-object-size"];
            else context.Response.Headers["x-amz-transition-default-minimum-object-size"] = "varies_by_storage_class";
            return Task.FromResult(false);
        };
        _server.Rules = Lifecycle("<Rule><ID>theirs</ID><Prefix/><Status>Enabled</Status><Expiration><Days>400</Days></Expiration></Rule>");

        await _bucket.PutRulesAsync(await _bucket.GetRulesAsync(Token), Token);

        put.ShouldBe("varies_by_storage_class");
    }

    // AWSSDK reads what it knows: the rest would be lost, such as MinIO's own fields.
    [Fact]
    public async Task GetRules_WhenARuleHasWhatAwsSdkDoesNotKnow_Refuses()
    {
        _server.Rules = Lifecycle("<Rule><ID>theirs</ID><Prefix/><Status>Enabled</Status><DelMarkerExpiration><Days>4</Days></DelMarkerExpiration></Rule>");
        var fault = await FaultAsync(() => _bucket.GetRulesAsync(Token));
        fault.Fault.ShouldBe(S3Fault.NotImplemented);
        fault.Message.ShouldContain("DelMarkerExpiration");
    }

    // AWSSDK takes both for a bucket without rules.
    [Theory]
    [InlineData("<html>Welcome</html>", 200, S3Fault.Refused)]
    [InlineData("not even XML", 200, S3Fault.Refused)]
    [InlineData("<Error><Code>NoSuchBucket</Code></Error>", 404, S3Fault.NotFound)]
    public async Task GetRules_WhenTheAnswerIsAnother_IsNoEmptyList(string answer, int status, object fault)
    {
        _server.Fault = async context =>
        {
            context.Response.StatusCode = status;
            await context.Response.WriteAsync(answer);
            return true;
        };
        (await FaultAsync(() => _bucket.GetRulesAsync(Token))).Fault.ShouldBe((S3Fault)fault);
    }

    [Theory]
    [InlineData(403, "AccessDenied", S3Fault.Denied)]
    [InlineData(403, "InvalidAccessKeyId", S3Fault.Unauthorized)]
    [InlineData(403, "SignatureDoesNotMatch", S3Fault.Unauthorized)]
    [InlineData(400, "ExpiredToken", S3Fault.Unauthorized)]
    [InlineData(404, "NoSuchBucket", S3Fault.NotFound)]
    [InlineData(501, "NotImplemented", S3Fault.NotImplemented)]
    [InlineData(400, "NotImplemented", S3Fault.NotImplemented)]
    [InlineData(405, "MethodNotAllowed", S3Fault.NotImplemented)]
    [InlineData(400, "MalformedXML", S3Fault.Refused)]
    [InlineData(301, "PermanentRedirect", S3Fault.Refused)]
    public async Task Calls_WhenTheServerRefuses_SayWhatItIs(int status, string code, object fault)
    {
        _server.Fault = context => FakeS3.RefuseAsync(context, status, code);
        var thrown = await FaultAsync(() => _bucket.PutRulesAsync(new S3Rules(S3Lifecycle.Rules(Retention, versioned: false)), Token));
        thrown.Fault.ShouldBe((S3Fault)fault, thrown.Message);
        ((int)thrown.Status!).ShouldBe(status);
    }

    [Fact]
    public async Task Calls_WhenTheServerIsBusyForAMoment_AreTriedAgain()
    {
        var left = 2;
        _server.Fault = context => Interlocked.Decrement(ref left) >= 0 ? FakeS3.RefuseAsync(context, 503, "SlowDown") : Task.FromResult(false);
        (await _bucket.IsVersionedAsync(Token)).ShouldBeFalse();
    }

    [Fact]
    public async Task Calls_WhenNobodyListens_SayUnreachable()
    {
        var connection = _server.Connection;
        await _server.DisposeAsync();
        using var bucket = new S3Bucket(connection);
        (await FaultAsync(() => bucket.GetRulesAsync(Token))).Fault.ShouldBe(S3Fault.Unreachable);
    }

    // A request that is signed anew for another host is one that the other host may use.
    [Fact]
    public async Task Calls_WhenRedirected_DoNotFollow()
    {
        await using var other = await FakeS3.StartAsync();
        _server.Fault = context =>
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = $"{other.Url}{context.Request.Path}{context.Request.QueryString}";
            return Task.FromResult(true);
        };
        (await FaultAsync(() => _bucket.GetRulesAsync(Token))).Fault.ShouldBe(S3Fault.Refused);
        other.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Calls_WhenToldToEnd_End()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => _bucket.GetRulesAsync(cancelled.Token));
    }

    [Fact]
    public async Task List_WhenThereAreManyPages_GivesAll()
    {
        _server.PageSize = 2;
        foreach (var number in Enumerable.Range(0, 5)) _server.Add($"a/{number}", Time, new string('x', number));
        _server.Add("b/1", Time);

        var pages = await _bucket.ListAsync("a/", Token).ToListAsync(Token);

        pages.Select(page => page.Count).ShouldBe([2, 2, 1]);
        pages.SelectMany(page => page).ShouldBe(Enumerable.Range(0, 5).Select(number => new S3Entry($"a/{number}", Time)));
    }

    [Fact]
    public async Task List_WhenThereIsNothing_IsEmpty() => (await _bucket.ListAsync("a/", Token).ToListAsync(Token)).ShouldHaveSingleItem().ShouldBeEmpty();

    [Fact]
    public async Task List_WhenTheAnswerIsNoList_IsNoEmptyOne()
    {
        _server.Fault = async context =>
        {
            await context.Response.WriteAsync("<html>Welcome</html>");
            return true;
        };
        (await FaultAsync(() => _bucket.ListAsync("a/", Token).ToListAsync(Token).AsTask())).Fault.ShouldBe(S3Fault.Refused);
    }

    [Fact]
    public async Task Delete_WhenTheServerCan_DeletesTogether()
    {
        Fill();
        await _bucket.DeleteAsync(["a/1", "a/2 ü+&<>", "gone"], Token);
        _server.Keys.ShouldBe(["a/3"]);
        _server.Requests.ShouldBe(["POST delete"]);
    }

    [Theory]
    [InlineData(501, "NotImplemented")]
    [InlineData(405, "MethodNotAllowed")]
    [InlineData(400, "InvalidDigest")]
    public async Task Delete_WhenTheServerCannotDoItTogether_DeletesOneByOne(int status, string code)
    {
        Fill();
        _server.Fault = context => context.Request.Method == "POST" ? FakeS3.RefuseAsync(context, status, code) : Task.FromResult(false);
        await _bucket.DeleteAsync(["a/1", "a/2 ü+&<>"], Token);
        await _bucket.DeleteAsync(["a/3"], Token);
        _server.Keys.ShouldBeEmpty();
        _server.Requests.ToArray().ShouldBe(["POST delete", "DELETE a/1", "DELETE a/2 ü+&<>", "DELETE a/3"], customMessage: "asked once");
    }

    [Fact]
    public async Task Delete_WhenSomeStay_SaysSo()
    {
        _server.Fault = async context =>
        {
            await context.Response.WriteAsync("<DeleteResult><Error><Key>a/1</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>");
            return true;
        };
        (await FaultAsync(() => _bucket.DeleteAsync(["a/1"], Token))).Fault.ShouldBe(S3Fault.Denied);
    }

    [Fact]
    public async Task Objects_WhenAskedFor_AreThereOrNot()
    {
        _server.Add("a/1", Time, "text");
        (await _bucket.HeadAsync("a/1", Token)).ShouldBeTrue();
        (await _bucket.HeadAsync("a/2", Token)).ShouldBeFalse();
        (await _bucket.ReadAsync("a/1", 4, Token)).ShouldBe("text"u8.ToArray());
        (await _bucket.ReadAsync("a/2", 4, Token)).ShouldBeNull();
        (await FaultAsync(() => _bucket.ReadAsync("a/1", 3, Token))).Fault.ShouldBe(S3Fault.Refused);
    }

    [Fact]
    public async Task Versioning_WhenItIsOn_IsSeen()
    {
        (await _bucket.IsVersionedAsync(Token)).ShouldBeFalse();
        _server.Versioned = true;
        (await _bucket.IsVersionedAsync(Token)).ShouldBeTrue();
    }

    [Fact]
    public async Task Calls_WithASession_NameIt()
    {
        string? session = null;
        _server.Fault = context =>
        {
            session = context.Request.Headers["X-Amz-Security-Token"];
            return Task.FromResult(false);
        };
        using var bucket = new S3Bucket(_server.Connection with { Keys = new S3Keys("id", "secret", "session") });
        await bucket.IsVersionedAsync(Token);
        session.ShouldBe("session");
    }

    private static string Lifecycle(string rules) => $"<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{rules}</LifecycleConfiguration>";

    private void Fill()
    {
        foreach (var key in new[] { "a/1", "a/2 ü+&<>", "a/3" }) _server.Add(key, Time);
    }

    private static Task<S3Exception> FaultAsync(Func<Task> call) => Should.ThrowAsync<S3Exception>(call);
}
