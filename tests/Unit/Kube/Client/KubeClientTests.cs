using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using k8s;
using k8s.Authentication;
using k8s.Models;
using Slipway.Kube;
using Slipway.Kube.Client;

namespace Slipway.Tests.Unit.Kube.Client;

public sealed class KubeClientTests : IAsyncLifetime
{
    private static readonly NamespacedName A = new("ns", "a");

    private readonly TestClock _clock = new();
    private ScriptedApiServer _server = null!;
    private KubeClient _client = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await ScriptedApiServer.StartAsync();
        _client = new KubeClient(_server.Options(), _clock);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Requirement("R1")]
    [Requirement("R24")]
    [Fact]
    public async Task GetAsync_WhenTheKindIsOfTheCoreGroup_AsksUnderApi()
    {
        var get = _client.GetAsync<V1ConfigMap>(A, Token);
        var request = await _server.NextAsync();
        (request.Method, request.Path).ShouldBe(("GET", "/api/v1/namespaces/ns/configmaps/a"));
        request.UserAgent.ShouldStartWith("slipway/0.");
        await request.AnswerAsync("""{"metadata":{"name":"a"},"data":{"k":"v"}}""");
        (await get.Soon()).Data["k"].ShouldBe("v");
    }

    [Requirement("R1")]
    [Fact]
    public async Task GetAsync_WhenTheKindHasNoNamespace_AsksForItByNameAlone()
    {
        var get = _client.GetAsync<V1Namespace>(new("", "team-a"), Token);
        var request = await _server.NextAsync();
        request.Path.ShouldBe("/api/v1/namespaces/team-a");
        await request.AnswerAsync("""{"metadata":{"name":"team-a"}}""");
        (await get.Soon()).Kind.ShouldBe("Namespace");
    }

    [Requirement("R1")]
    [Fact]
    public void EntityKind_WhenTheTypeIsNoKind_SaysSo() =>
        Should.Throw<InvalidOperationException>(EntityKind.Of<Kindless>).Message.ShouldContain(nameof(Kindless));

    [Requirement("R1", "kc#1499", "kc: GenericClient.WatchAsync")]
    [Fact]
    public async Task WatchAsync_Always_SendsTheVersionBookmarksTimeoutAndSelectors()
    {
        var query = new WatchQuery
        {
            Namespace = "ns",
            LabelSelector = "app=x",
            FieldSelector = "metadata.name=a",
            ResourceVersion = "7",
            Timeout = TimeSpan.FromSeconds(345.6),
        };
        await using var watch = _client.WatchAsync<Widget>(query, Token).GetAsyncEnumerator(Token);
        var first = watch.MoveNextAsync();
        var request = await _server.NextWatchAsync();
        request.Path.ShouldBe("/apis/test.dev/v1/namespaces/ns/widgets");
        request.Query.ToDictionary(pair => pair.Key, pair => pair.Value.ToString()).ShouldBe(
            new Dictionary<string, string>
            {
                ["watch"] = "true",
                ["allowWatchBookmarks"] = "true",
                ["resourceVersion"] = "7",
                ["timeoutSeconds"] = "345",
                ["labelSelector"] = "app=x",
                ["fieldSelector"] = "metadata.name=a",
            },
            ignoreOrder: true);
        await (await request.OpenAsync()).SendAsync("DELETED", Widget.Named("a", 8).Json());
        (await first.Soon()).ShouldBeTrue();
        (watch.Current.Kind, watch.Current.ResourceVersion, watch.Current.Object!.Metadata.Name).ShouldBe((WatchEventKind.Deleted, "8", "a"));
    }

    [Requirement("R6", "kc: abandoned read")]
    [Fact]
    public async Task WatchAsync_WhenItsReaderHasHadEnough_ClosesTheConnection()
    {
        var watch = _client.WatchAsync<Widget>(new WatchQuery { ResourceVersion = "7" }, Token).GetAsyncEnumerator(Token);
        var first = watch.MoveNextAsync();
        var request = await (await _server.NextWatchAsync()).OpenAsync();
        await request.SendAsync("ADDED", Widget.Named("a", 8).Json());
        await first.Soon();
        request.Finished.IsCompleted.ShouldBeFalse();
        await watch.DisposeAsync();
        await request.Finished.Soon();
    }

    [Requirement("R1")]
    [Fact]
    public async Task CreateAsync_Always_PostsTheObjectUnderItsKindsName()
    {
        var create = _client.CreateAsync(new V1Job { Metadata = new V1ObjectMeta { Name = "a", NamespaceProperty = "ns" } }, Token);
        var request = await _server.NextAsync();
        (request.Method, request.Path, request.ContentType).ShouldBe(("POST", "/apis/batch/v1/namespaces/ns/jobs", "application/json"));
        request.Body.ShouldBe("""{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"a","namespace":"ns"}}""");
        await request.AnswerAsync(request.Body, 201);
        await create.Soon();
    }

    [Requirement("R1")]
    [Requirement("R17", "kc#971")]
    [Fact]
    public async Task PatchAsync_Always_MergesWithoutForce()
    {
        var patch = _client.PatchAsync<Widget>(A, new JsonObject { ["spec"] = new JsonObject { ["size"] = null } }, Token);
        var request = await _server.NextAsync();
        (request.Method, request.Path).ShouldBe(("PATCH", "/apis/test.dev/v1/namespaces/ns/widgets/a"));
        (request.ContentType, request.Body).ShouldBe(("application/merge-patch+json", """{"spec":{"size":null}}"""));
        request.Query.ContainsKey("force").ShouldBeFalse();
        await request.AnswerAsync(Widget.Named("a").Json());
        await patch.Soon();
    }

    [Requirement("R1")]
    [Fact]
    public async Task GetOrDefaultAsync_WhenNotFound_IsNull()
    {
        var get = _client.GetOrDefaultAsync<Widget>(A, Token);
        await (await _server.NextAsync()).FailAsync(404, "NotFound");
        (await get.Soon()).ShouldBeNull();
    }

    [Requirement("R1")]
    [Fact]
    public async Task GetAsync_WhenRefused_ThrowsTheServersSentence()
    {
        var get = _client.GetAsync<Widget>(A, Token);
        await (await _server.NextAsync()).FailAsync(403, "Forbidden", "widgets is forbidden");
        var exception = await Should.ThrowAsync<KubeApiException>(get);
        (exception.StatusCode, exception.Reason, exception.Message).ShouldBe((HttpStatusCode.Forbidden, "Forbidden", "widgets is forbidden"));
    }

    // The body may be anything, a proxy's page with a token in it too.
    [Requirement("R1", "kc: message with the whole body")]
    [Fact]
    public async Task GetAsync_WhenTheAnswerIsNoStatus_DoesNotShowIt()
    {
        var get = _client.GetAsync<Widget>(A, Token);
        await (await _server.NextAsync()).AnswerAsync("<html>secret</html>", 502);
        var exception = await Should.ThrowAsync<KubeApiException>(get);
        exception.ToString().ShouldNotContain("secret");
        exception.IsTransient.ShouldBeTrue();
    }

    [Requirement("R14")]
    [Theory]
    [InlineData("Conflict", true, false)]
    [InlineData("AlreadyExists", false, true)]
    public async Task CreateAsync_When409_TellsConflictFromATakenName(string reason, bool conflict, bool exists)
    {
        var create = _client.CreateAsync(Widget.Named("a"), Token);
        await (await _server.NextAsync()).FailAsync(409, reason);
        var exception = await Should.ThrowAsync<KubeApiException>(create);
        (exception.IsConflict, exception.IsAlreadyExists).ShouldBe((conflict, exists));
    }

    [Requirement("R1")]
    [Fact]
    public async Task DeleteAsync_WhenGivenAUid_DeletesThatOneOnly()
    {
        var delete = _client.DeleteAsync<V1Job>(A, "uid-a", PropagationPolicy.Foreground, Token);
        var request = await _server.NextAsync();
        (request.Method, request.Path).ShouldBe(("DELETE", "/apis/batch/v1/namespaces/ns/jobs/a"));
        request.Json["preconditions"]!["uid"]!.GetValue<string>().ShouldBe("uid-a");
        request.Json["propagationPolicy"]!.GetValue<string>().ShouldBe("Foreground");
        await request.AnswerAsync(new JsonObject { ["kind"] = "Status", ["status"] = "Success" });
        (await delete.Soon()).ShouldBeTrue();
    }

    [Requirement("R1")]
    [Fact]
    public async Task DeleteAsync_WhenGoneAlready_IsDone()
    {
        var delete = _client.DeleteAsync<V1Job>(A, null, PropagationPolicy.Background, Token);
        await (await _server.NextAsync()).FailAsync(404, "NotFound");
        (await delete.Soon()).ShouldBeFalse();
    }

    [Requirement("R17", "kc#1634", "kc#576", "capi: whole-object bodies")]
    [Fact]
    public async Task ApplyAsync_Always_SendsOnlyWhatWeOwn()
    {
        var desired = new V1ConfigMap
        {
            Metadata = new V1ObjectMeta
            {
                Name = "a",
                NamespaceProperty = "ns",
                ResourceVersion = "5",
                Uid = "u",
                Generation = 3,
                CreationTimestamp = _clock.GetUtcNow().UtcDateTime,
                ManagedFields = [new V1ManagedFieldsEntry { Manager = "other" }],
                Labels = new Dictionary<string, string> { ["app"] = "x" },
            },
            Data = new Dictionary<string, string> { ["k"] = "v" },
        };
        var apply = _client.ApplyAsync(desired, Token);
        var request = await _server.NextAsync();
        (request.Method, request.Path).ShouldBe(("PATCH", "/api/v1/namespaces/ns/configmaps/a"));
        request.ContentType.ShouldBe("application/apply-patch+yaml");
        (request.Query["fieldManager"].ToString(), request.Query["force"].ToString()).ShouldBe(("slipway", "true"));
        var expected = """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"app":"x"},"name":"a","namespace":"ns"},"data":{"k":"v"}}""";
        JsonNode.DeepEquals(request.Json, JsonNode.Parse(expected)).ShouldBeTrue(request.Body);
        await request.AnswerAsync(request.Body);
        (await apply.Soon()).Metadata.Name.ShouldBe("a");
    }

    [Requirement("R17")]
    [Fact]
    public async Task ApplyAsync_WhenTheObjectHasAStatus_LeavesItOut()
    {
        var apply = _client.ApplyAsync(Widget.Named("a") with { Status = new WidgetStatus { Phase = "Ready" } }, Token);
        var request = await _server.NextAsync();
        request.Json.AsObject().ContainsKey("status").ShouldBeFalse();
        await request.AnswerAsync(Widget.Named("a").Json());
        await apply.Soon();
    }

    // Force on anything but an apply is refused.
    [Requirement("R1")]
    [Requirement("R17", "kc#971")]
    [Fact]
    public async Task PatchStatusAsync_Always_MergesIntoTheSubresourceWithoutForce()
    {
        var patch = _client.PatchStatusAsync<Widget>(A, "uid-a", "5", new JsonObject { ["phase"] = null }, Token);
        var request = await _server.NextAsync();
        (request.Method, request.Path).ShouldBe(("PATCH", "/apis/test.dev/v1/namespaces/ns/widgets/a/status"));
        request.ContentType.ShouldBe("application/merge-patch+json");
        request.Query.ContainsKey("force").ShouldBeFalse();
        request.Body.ShouldBe("""{"metadata":{"uid":"uid-a","resourceVersion":"5"},"status":{"phase":null}}""");
        await request.AnswerAsync(Widget.Named("a").Json());
        await patch.Soon();
    }

    [Requirement("R24", "kc: no retries")]
    [Fact]
    public async Task CreateAsync_WhenPutOffWithRetryAfter_SendsTheSameAgain()
    {
        var create = _client.CreateAsync(Widget.Named("a"), Token);
        var first = await _server.NextAsync();
        await first.FailAsync(429, "TooManyRequests", retryAfter: "2");
        await _clock.PassAsync(TimeSpan.FromSeconds(2));
        var second = await _server.NextAsync();
        second.Body.ShouldBe(first.Body);
        await second.FailAsync(503, "ServiceUnavailable", retryAfter: "1");
        await _clock.PassAsync(TimeSpan.FromSeconds(1));
        await (await _server.NextAsync()).AnswerAsync(Widget.Named("a").Json(), 201);
        (await create.Soon()).Metadata.Name.ShouldBe("a");
    }

    [Requirement("R24")]
    [Fact]
    public async Task CreateAsync_WhenPutOffUntilADate_WaitsForIt()
    {
        var create = _client.CreateAsync(Widget.Named("a"), Token);
        var date = (_clock.GetUtcNow() + TimeSpan.FromSeconds(5)).ToString("R", System.Globalization.CultureInfo.InvariantCulture);
        await (await _server.NextAsync()).FailAsync(429, "TooManyRequests", retryAfter: date);
        await _clock.PassAsync(TimeSpan.FromSeconds(5));
        await (await _server.NextAsync()).AnswerAsync(Widget.Named("a").Json(), 201);
        await create.Soon();
    }

    [Requirement("R24")]
    [Requirement("R25")]
    [Fact]
    public async Task GetAsync_WhenManyArePutOff_SpreadsThemByChance()
    {
        var options = _server.Options();
        options.Jitter = () => 0.5;
        using var client = new KubeClient(options, _clock);
        var get = client.GetAsync<Widget>(A, Token);
        await (await _server.NextAsync()).FailAsync(429, "TooManyRequests", retryAfter: "2");
        await _clock.PassAsync(TimeSpan.FromSeconds(2.2));
        await (await _server.NextAsync()).AnswerAsync(Widget.Named("a").Json());
        await get.Soon();
    }

    [Requirement("R24")]
    [Fact]
    public async Task GetAsync_WhenPutOffAgainAndAgain_TakesNoLongerThanARequestMay()
    {
        var get = _client.GetAsync<Widget>(A, Token);
        for (var retry = 0; retry < 3; retry++)
        {
            await (await _server.NextAsync()).FailAsync(429, "TooManyRequests", retryAfter: "9");
            await _clock.PassAsync(TimeSpan.FromSeconds(9));
        }

        await _server.NextAsync();
        _clock.Advance(TimeSpan.FromSeconds(3));
        await Should.ThrowAsync<TimeoutException>(get.Soon());
    }

    // The client library reads a token's file anew; it has to be asked each time.
    [Requirement("R24")]
    [Fact]
    public async Task GetAsync_WhenTheTokenChanges_SendsTheNewOne()
    {
        var options = _server.Options();
        var tokens = new Tokens();
        options.Cluster!.TokenProvider = tokens;
        using var client = new KubeClient(options, _clock);
        foreach (var token in new[] { "old", "new" })
        {
            tokens.Current = token;
            var get = client.GetAsync<Widget>(A, Token);
            var request = await _server.NextAsync();
            request.Authorization.ShouldBe($"Bearer {token}");
            await request.AnswerAsync(Widget.Named("a").Json());
            await get.Soon();
        }
    }

    [Requirement("R24")]
    [Fact]
    public void Connections_WhenPooled_LiveForTenMinutes()
    {
        SocketsHttpHandler? made = null;
        var options = _server.Options();
        options.Cluster!.FirstMessageHandlerSetup = handler => made = handler;
        using var client = new KubeClient(options, _clock);
        made!.PooledConnectionLifetime.ShouldBe(TimeSpan.FromMinutes(10));
    }

    // Proxies send dates, and their clocks are not ours.
    [Requirement("R24")]
    [Fact]
    public async Task CreateAsync_WhenPutOffUntilADateThatHasPassed_SendsItAgainAtOnce()
    {
        var create = _client.CreateAsync(Widget.Named("a"), Token);
        await (await _server.NextAsync()).FailAsync(503, "ServiceUnavailable", retryAfter: "Fri, 31 Dec 1999 23:59:59 GMT");
        await (await _server.NextAsync()).AnswerAsync(Widget.Named("a").Json(), 201);
        (await create.Soon()).Metadata.Name.ShouldBe("a");
    }

    [Requirement("R24")]
    [Theory]
    [InlineData(null)]
    [InlineData("60")]
    public async Task CreateAsync_WhenNotToldToComeBackSoon_LeavesItToTheCaller(string? retryAfter)
    {
        var create = _client.CreateAsync(Widget.Named("a"), Token);
        await (await _server.NextAsync()).FailAsync(503, "ServiceUnavailable", retryAfter: retryAfter);
        (await Should.ThrowAsync<KubeApiException>(create)).IsTransient.ShouldBeTrue();
    }

    [Requirement("R24")]
    [Fact]
    public async Task GetAsync_WhenTheServerPutsItOffForEver_GivesUp()
    {
        var get = _client.GetAsync<Widget>(A, Token);
        for (var retry = 0; retry < 4; retry++)
        {
            await (await _server.NextAsync()).FailAsync(429, "TooManyRequests", retryAfter: "1");
            await _clock.PassAsync(TimeSpan.FromSeconds(1));
        }

        await (await _server.NextAsync()).FailAsync(429, "TooManyRequests", retryAfter: "1");
        (await Should.ThrowAsync<KubeApiException>(get)).StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Requirement("R24")]
    [Fact]
    public async Task GetAsync_WhenTheServerHangs_TimesOutAfter30Seconds()
    {
        var get = _client.GetAsync<Widget>(A, Token);
        var request = await _server.NextAsync();
        _clock.Advance(TimeSpan.FromSeconds(29));
        get.IsCompleted.ShouldBeFalse();
        _clock.Advance(TimeSpan.FromSeconds(1));
        await Should.ThrowAsync<TimeoutException>(get.Soon());
        await request.Finished.Soon();
    }

    [Requirement("R24")]
    [Fact]
    public async Task GetAsync_WhenTheCallerCancels_IsNoTimeout()
    {
        using var cancel = new CancellationTokenSource();
        var get = _client.GetAsync<Widget>(A, cancel.Token);
        await _server.NextAsync();
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(get.Soon());
    }

    private sealed class Tokens : ITokenProvider
    {
        public string Current { get; set; } = "";

        public Task<AuthenticationHeaderValue> GetAuthenticationHeaderAsync(CancellationToken cancellationToken) =>
            Task.FromResult(new AuthenticationHeaderValue("Bearer", Current));
    }

    private sealed class Kindless : IKubernetesObject<V1ObjectMeta>
    {
        public string ApiVersion { get; set; } = "";

        public string Kind { get; set; } = "";

        public V1ObjectMeta Metadata { get; set; } = new();
    }
}
