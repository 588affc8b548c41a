using System.Text;
using Microsoft.AspNetCore.Http;
using Slipway.Registry;

namespace Slipway.Tests.Unit.Registry;

public sealed class RegistryClientTests : IAsyncLifetime
{
    private static readonly ManifestBody Image = OciSamples.Image("amd64");
    private static readonly RegistryCredentials User = new() { Username = "pusher", Password = "s3cret" };
    private readonly HurryingTime _time = new();
    private FakeRegistry _registry = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _registry = await FakeRegistry.StartAsync();
        _registry.Add(Image);
    }

    public ValueTask DisposeAsync() => _registry.DisposeAsync();

    [Fact]
    public async Task PutManifestAsync_WhenReadBack_HasTheSameBytes()
    {
        using var client = Client();
        await client.PutManifestAsync("1.0", Image, Token);
        (await client.HeadManifestAsync("1.0", Token)).ShouldBe(Image.Digest);
        (await client.GetManifestAsync("1.0", Token)).Bytes.ToArray().ShouldBe(Image.Bytes.ToArray());
    }

    [Fact]
    public async Task HeadManifestAsync_WhenThereIsNone_IsNull()
    {
        using var client = Client();
        (await client.HeadManifestAsync("gone", Token)).ShouldBeNull();
    }

    [Fact]
    public async Task PutBlobAsync_WhenTheUploadHasAQuery_KeepsIt()
    {
        using var client = Client();
        var digest = await client.PutBlobAsync(Encoding.UTF8.GetBytes("layer"), Token);
        (await client.HeadBlobAsync(digest, Token)).ShouldBeTrue();
        (await client.GetBlobAsync(digest, 100, Token)).ShouldBe(Encoding.UTF8.GetBytes("layer"));
    }

    [Fact]
    public async Task GetManifestAsync_WhenTheBytesAreOthers_RefusesThem()
    {
        _registry.Manifests[Image.Digest] = OciSamples.Image("arm64");
        (await FaultAsync(client => client.GetManifestAsync(Image.Digest, Token))).Fault.ShouldBe(RegistryFault.Corrupt);
    }

    [Fact]
    public async Task PutManifestAsync_WhenTheRegistryComesToAnotherDigest_Refuses()
    {
        _registry.Fault = context =>
        {
            context.Response.Headers["Docker-Content-Digest"] = OciSamples.Digest("other");
            return Task.FromResult(true);
        };
        (await FaultAsync(async client =>
        {
            await client.PutManifestAsync("1.0", Image, Token);
            return 0;
        })).Fault.ShouldBe(RegistryFault.Corrupt);
    }

    [Fact]
    public async Task GetBlobAsync_WhenItIsTooLarge_StopsReading()
    {
        var blob = new byte[1000];
        _registry.Blobs[Digests.Of(blob)] = blob;
        (await FaultAsync(client => client.GetBlobAsync(Digests.Of(blob), 999, Token))).Fault.ShouldBe(RegistryFault.Corrupt);
    }

    [Fact]
    public async Task GetManifestAsync_WhenChallengedForBasic_SendsThePassword()
    {
        _registry.Fault = context => ChallengeAsync(context, "Basic realm=\"r\"", Basic);
        using var client = Client(User);
        (await client.GetManifestAsync(Image.Digest, Token)).Digest.ShouldBe(Image.Digest);
    }

    [Fact]
    public async Task GetManifestAsync_WhenThePasswordIsWrong_SaysUnauthorizedAfterOneTry()
    {
        _registry.Fault = context => ChallengeAsync(context, "Basic realm=\"r\"", "Basic other");
        (await FaultAsync(client => client.GetManifestAsync(Image.Digest, Token), User)).Fault.ShouldBe(RegistryFault.Unauthorized);
        _registry.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task GetManifestAsync_WhenChallengedForBearer_FetchesATokenForThisRepository()
    {
        string? query = null, authorization = null;
        _registry.Fault = async context =>
        {
            if (context.Request.Path != "/token")
            {
                return await ChallengeAsync(context, $"Bearer realm=\"http://{_registry.Host}/token?x=y\",service=\"reg\",scope=\"ignored\"", "Bearer t0ken");
            }

            (query, authorization) = (context.Request.QueryString.Value, context.Request.Headers.Authorization);
            await context.Response.WriteAsync("""{"access_token":"t0ken","expires_in":60}""");
            return true;
        };
        using var client = Client(User);
        await client.GetManifestAsync(Image.Digest, Token);
        query.ShouldBe("?x=y&service=reg&scope=repository%3Ateam%2Fapp%3Apull%2Cpush");
        authorization.ShouldBe(Basic);
    }

    [Fact]
    public async Task GetManifestAsync_WhenATokenRunsOut_FetchesAnother()
    {
        var issued = 0;
        _registry.Fault = async context =>
        {
            if (context.Request.Path != "/token")
            {
                return await ChallengeAsync(context, $"Bearer realm=\"http://{_registry.Host}/token\"", $"Bearer t{issued}");
            }

            await context.Response.WriteAsync($$"""{"token":"t{{++issued}}"}""");
            return true;
        };
        using var client = Client();
        await client.GetManifestAsync(Image.Digest, Token);
        issued++; // The registry forgets the first token.
        await client.GetManifestAsync(Image.Digest, Token);
        issued.ShouldBe(3);
    }

    [Fact]
    public async Task GetManifestAsync_WhenThereIsAnIdentityToken_ExchangesIt()
    {
        string? form = null;
        _registry.Fault = async context =>
        {
            if (context.Request.Path != "/token")
            {
                return await ChallengeAsync(context, $"Bearer realm=\"http://{_registry.Host}/token\",service=\"reg\"", "Bearer fresh");
            }

            using var reader = new StreamReader(context.Request.Body);
            form = await reader.ReadToEndAsync();
            await context.Response.WriteAsync("""{"access_token":"fresh"}""");
            return true;
        };
        using var client = Client(new RegistryCredentials { Username = "u", IdentityToken = "id-t" });
        await client.GetManifestAsync(Image.Digest, Token);
        form.ShouldNotBeNull().ShouldContain("grant_type=refresh_token&refresh_token=id-t");
    }

    [Fact]
    public async Task GetManifestAsync_WhenATlsRegistryNamesAPlainTokenServer_KeepsThePasswordToItself()
    {
        using var http = new HttpClient(new StubHandler(request => request.RequestUri!.Scheme == "https"
            ? Unauthorized("Bearer realm=\"http://evil.example/token\"")
            : throw new InvalidOperationException("the token server was called")));
        using var client = new RegistryClient(http, new RegistryConnection { Repository = RepositoryName.Parse("reg.example/team/app"), Credentials = User }, _time);
        var fault = await Should.ThrowAsync<RegistryException>(() => client.GetManifestAsync(Image.Digest, Token));
        fault.Fault.ShouldBe(RegistryFault.Refused);
    }

    [Fact]
    public async Task GetManifestAsync_WhenBusy_WaitsAsLongAsToldAndTriesAgain()
    {
        var calls = 0;
        _registry.Fault = context =>
        {
            if (++calls > 2)
            {
                return Task.FromResult(false);
            }

            context.Response.StatusCode = calls == 1 ? 429 : 503;
            context.Response.Headers.RetryAfter = calls == 1 ? "7" : "100000";
            return Task.FromResult(true);
        };
        using var client = Client();
        await client.GetManifestAsync(Image.Digest, Token);
        _time.Pauses.ShouldBe([TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(20)]);
    }

    [Fact]
    public async Task GetManifestAsync_WhenBusyForEver_GivesUpWithTheRegistrysWords()
    {
        _registry.Fault = async context =>
        {
            context.Response.StatusCode = 429;
            await context.Response.WriteAsync("""{"errors":[{"code":"TOOMANYREQUESTS","message":"slow\ndown"}]}""");
            return true;
        };
        var fault = await FaultAsync(client => client.GetManifestAsync(Image.Digest, Token));
        fault.Fault.ShouldBe(RegistryFault.Busy);
        fault.Code.ShouldBe("TOOMANYREQUESTS");
        fault.Message.ShouldEndWith("429 TOOMANYREQUESTS slowdown");
        _registry.Requests.Count.ShouldBe(10);
        Waited().ShouldBeInRange(50, 60);
    }

    [Theory]
    [InlineData(403, nameof(RegistryFault.Denied))]
    [InlineData(404, nameof(RegistryFault.NotFound))]
    [InlineData(400, nameof(RegistryFault.Refused))]
    [InlineData(500, nameof(RegistryFault.Busy))]
    public async Task PutManifestAsync_WhenRefused_NamesTheFault(int status, string expected)
    {
        _registry.Fault = context =>
        {
            context.Response.StatusCode = status;
            return Task.FromResult(true);
        };
        var fault = await FaultAsync(async client =>
        {
            await client.PutManifestAsync("1.0", Image, Token);
            return 0;
        });
        fault.Fault.ToString().ShouldBe(expected);
        fault.Operation.ShouldBe("PUT manifests/1.0");
    }

    [Fact]
    public async Task GetBlobAsync_WhenRedirectedToAnotherHost_LeavesTheAuthorizationBehind()
    {
        var blob = Encoding.UTF8.GetBytes("content");
        await using var storage = await FakeRegistry.StartAsync();
        storage.Blobs[Digests.Of(blob)] = blob;
        string? leaked = "unset";
        storage.Fault = context =>
        {
            leaked = context.Request.Headers.Authorization;
            return Task.FromResult(false);
        };
        _registry.Fault = async context =>
        {
            if (!await ChallengeAsync(context, "Basic realm=\"r\"", Basic))
            {
                context.Response.Redirect($"http://{storage.Host}/v2/x/blobs/{Digests.Of(blob)}");
            }

            return true;
        };
        using var client = Client(User);
        (await client.GetBlobAsync(Digests.Of(blob), 100, Token)).ShouldBe(blob);
        leaked.ShouldBeNull();
    }

    [Fact]
    public async Task PutManifestAsync_WhenRedirectedToAnotherHost_DoesNotFollow()
    {
        _registry.Fault = context =>
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = "http://elsewhere.invalid/";
            return Task.FromResult(true);
        };
        (await FaultAsync(async client =>
        {
            await client.PutManifestAsync("1.0", Image, Token);
            return 0;
        })).Fault.ShouldBe(RegistryFault.Refused);
    }

    [Fact]
    public async Task GetManifestAsync_WhenNobodyListens_IsUnreachableAfterItsTries()
    {
        await _registry.DisposeAsync();
        var connection = new RegistryConnection { Repository = RepositoryName.Parse("127.0.0.1:1/team/app"), PlainHttp = true };
        using var client = RegistryClient.Create(connection, _time);
        var fault = await Should.ThrowAsync<RegistryException>(() => client.GetManifestAsync("1.0", Token));
        fault.Fault.ShouldBe(RegistryFault.Unreachable);
        Waited().ShouldBeInRange(50, 60);
    }

    /// <summary>Restarted, or failed over to another instance.</summary>
    [Fact]
    public async Task GetManifestAsync_WhenTheRegistryIsGoneForAMinute_BearsIt()
    {
        var calls = 0;
        _registry.Fault = context =>
        {
            if (++calls == 10)
            {
                return Task.FromResult(false);
            }

            context.Response.StatusCode = calls % 2 == 0 ? 502 : 503;
            return Task.FromResult(true);
        };
        using var client = Client();
        (await client.GetManifestAsync(Image.Digest, Token)).Digest.ShouldBe(Image.Digest);
        Waited().ShouldBeInRange(50, 60);
    }

    [Theory]
    [InlineData(5, 5)]
    [InlineData(3600, 20)]
    [InlineData(-3600, 0)]
    public async Task GetManifestAsync_WhenAskedToComeAgainAtADate_WaitsUntilThenWithinReason(int seconds, int waited)
    {
        var busy = true;
        _registry.Fault = context =>
        {
            context.Response.StatusCode = busy ? 429 : 200;
            context.Response.Headers.RetryAfter = (_time.GetUtcNow().AddSeconds(seconds)).ToString("R", System.Globalization.CultureInfo.InvariantCulture);
            var answered = busy;
            busy = false;
            return Task.FromResult(answered);
        };
        using var client = Client();
        await client.GetManifestAsync(Image.Digest, Token);
        Waited().ShouldBeInRange(Math.Max(0, waited - 2), waited);
    }

    [Fact]
    public async Task GetManifestAsync_WhenAskedToComeAgainAtOnceForEver_GivesUp()
    {
        _registry.Fault = context =>
        {
            context.Response.StatusCode = 429;
            context.Response.Headers.RetryAfter = "0";
            return Task.FromResult(true);
        };
        (await FaultAsync(client => client.GetManifestAsync(Image.Digest, Token))).Fault.ShouldBe(RegistryFault.Busy);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(503)]
    public async Task GetManifestAsync_WhenTheTokenServerIsBusy_WaitsAsLongAsItAsks(int status)
    {
        var asked = 0;
        _registry.Fault = async context =>
        {
            if (context.Request.Path != "/token")
            {
                return await ChallengeAsync(context, $"Bearer realm=\"http://{_registry.Host}/token\"", "Bearer t");
            }

            context.Response.StatusCode = ++asked < 3 ? status : 200;
            context.Response.Headers.RetryAfter = "4";
            if (asked == 3) await context.Response.WriteAsync("""{"token":"t"}""");
            return true;
        };
        using var client = Client(User);
        await client.GetManifestAsync(Image.Digest, Token);
        _time.Pauses.Count(pause => pause == TimeSpan.FromSeconds(4)).ShouldBe(2);
    }

    [Fact]
    public async Task GetManifestAsync_WhenTheTokenServerRefusesTheCredentials_SaysSoAtOnce()
    {
        _registry.Fault = context =>
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"http://{_registry.Host}/token\"";
            return Task.FromResult(true);
        };
        (await FaultAsync(client => client.GetManifestAsync(Image.Digest, Token), User)).Fault.ShouldBe(RegistryFault.Unauthorized);
        _time.Pauses.ShouldBeEmpty();
    }

    private double Waited() => _time.Pauses.Sum(pause => pause.TotalSeconds);

    private static string Basic => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("pusher:s3cret"));

    private RegistryClient Client(RegistryCredentials? credentials = null) => RegistryClient.Create(_registry.Connection(credentials), _time);

    private async Task<RegistryException> FaultAsync<T>(Func<RegistryClient, Task<T>> call, RegistryCredentials? credentials = null)
    {
        using var client = Client(credentials);
        return await Should.ThrowAsync<RegistryException>(() => call(client));
    }

    private static Task<bool> ChallengeAsync(HttpContext context, string challenge, string accepted)
    {
        if (context.Request.Headers.Authorization == accepted)
        {
            return Task.FromResult(false);
        }

        context.Response.StatusCode = 401;
        context.Response.Headers.WWWAuthenticate = challenge;
        return Task.FromResult(true);
    }

    private static HttpResponseMessage Unauthorized(string challenge)
    {
        var response = new HttpResponseMessage(System.Net.HttpStatusCode.Unauthorized);
        response.Headers.TryAddWithoutValidation("WWW-Authenticate", challenge);
        return response;
    }

    private sealed class StubHandler(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(answer(request));
    }
}
