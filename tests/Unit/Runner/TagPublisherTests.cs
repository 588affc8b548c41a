using Microsoft.AspNetCore.Http;
using Slipway.Registry;
using Slipway.Runner;
using Slipway.Tests.Unit.Registry;

namespace Slipway.Tests.Unit.Runner;

/// <summary>Tags against a registry on loopback, with another build that comes between.</summary>
public sealed class TagPublisherTests : IAsyncLifetime
{
    private static readonly ManifestBody Ours = OciSamples.Index("arm64", OciSamples.Image("arm64"));
    private static readonly ManifestBody Older = OciSamples.Image("older");
    private static readonly ManifestBody Newer = OciSamples.Image("newer");

    private readonly StringWriter _log = new();
    private readonly WatchedTime _time = new();
    private FakeRegistry _registry = null!;
    private RegistryClient _client = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _registry = await FakeRegistry.StartAsync();
        _client = RegistryClient.Create(_registry.Connection(), _time);
        _registry.Manifests["1.0"] = Older;
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _log.DisposeAsync();
        await _registry.DisposeAsync();
    }

    [Fact]
    public async Task PutAsync_WhenNobodyElseCame_MovesAllTags()
    {
        var tags = await StartAsync();
        (await tags.PutAsync(Ours, Token)).ShouldBeNull();
        Tag("1.0").ShouldBe(Ours.Digest);
        Tag("latest").ShouldBe(Ours.Digest);
    }

    [Theory]
    [InlineData("1.0")]
    [InlineData("latest")]
    public async Task PutAsync_WhenSomebodyMovedOneOfThem_PutsNone(string moved)
    {
        var tags = await StartAsync();
        _registry.Manifests[moved] = Newer;
        (await tags.PutAsync(Ours, Token)).ShouldBe(moved);
        Puts().ShouldBeEmpty();
    }

    [Fact]
    public async Task PutAsync_WhenSomebodyDeletedOne_LeavesItAlone()
    {
        var tags = await StartAsync();
        _registry.Manifests.TryRemove("1.0", out _);
        (await tags.PutAsync(Ours, Token)).ShouldBe("1.0");
    }

    /// <summary>An earlier pod of the same build, which was given up.</summary>
    [Fact]
    public async Task PutAsync_WhenTheyCameToPointAtOurs_GoesOn()
    {
        var tags = await StartAsync();
        _registry.Manifests["1.0"] = Ours;
        (await tags.PutAsync(Ours, Token)).ShouldBeNull();
        Tag("latest").ShouldBe(Ours.Digest);
    }

    [Fact]
    public async Task PutAsync_WhenTheSecondIsMovedWhileTheFirstIsPut_LeavesItAlone()
    {
        var tags = await StartAsync();
        OnPut("1.0", () => _registry.Manifests["latest"] = Newer);
        (await tags.PutAsync(Ours, Token)).ShouldBe("latest");
        Tag("latest").ShouldBe(Newer.Digest);
    }

    /// <summary>Two builds of one tag: the tag is the later one's, and both have succeeded.</summary>
    [Fact]
    public async Task PutAsync_WhenANewerOneFollowsAtOnce_IsContent()
    {
        var tags = await StartAsync("1.0");
        _registry.Fault = context =>
        {
            if (context.Request.Method == "HEAD" && Tag("1.0") == Ours.Digest) _registry.Manifests["1.0"] = Newer;
            return Task.FromResult(false);
        };
        (await tags.PutAsync(Ours, Token)).ShouldBeNull();
        _log.ToString().ShouldContain("something else has moved it since");
    }

    [Fact]
    public async Task PutAsync_WhenTheRegistryTakesATagAndDoesNotMoveIt_SaysSo()
    {
        var tags = await StartAsync("1.0");
        _registry.Fault = context =>
        {
            var ignored = context.Request.Method == "PUT" && context.Request.Path.Value!.EndsWith("/1.0", StringComparison.Ordinal);
            context.Response.StatusCode = ignored ? 201 : 200;
            return Task.FromResult(ignored);
        };
        (await Should.ThrowAsync<RunFailureException>(() => tags.PutAsync(Ours, Token))).Failure.Reason.ShouldBe(FailureReasons.ResultIncomplete);
    }

    /// <summary>A pod that was frozen wakes up: the wall clock has gone on, no timer has struck.</summary>
    [Fact]
    public async Task PutAsync_WhenThePodSleptPastItsTime_PutsNoTagAnyMore()
    {
        var tags = await StartAsync(until: _time.GetUtcNow().AddMinutes(5));
        _time.Advance(TimeSpan.FromMinutes(5));
        var failure = (await Should.ThrowAsync<RunFailureException>(() => tags.PutAsync(Ours, Token))).Failure;
        $"{failure.Class} {failure.Reason}".ShouldBe("Infrastructure Interrupted");
        Tag("1.0").ShouldBe(Older.Digest);
        Puts().ShouldBeEmpty();
    }

    [Fact]
    public async Task PutAsync_WhenItsTimeEndsBetweenTwoTries_DoesNotTryAgain()
    {
        var tags = await StartAsync(until: _time.GetUtcNow().AddSeconds(10));
        _registry.Fault = context =>
        {
            var busy = context.Request.Method == "PUT" && context.Request.Path.Value!.EndsWith("/1.0", StringComparison.Ordinal);
            context.Response.StatusCode = busy ? 503 : 200;
            return Task.FromResult(busy);
        };
        var putting = tags.PutAsync(Ours, Token);
        await _time.TimerAsync(TimeSpan.FromMilliseconds(500));
        _time.Advance(TimeSpan.FromSeconds(11));
        (await Should.ThrowAsync<RunFailureException>(() => putting)).Failure.Reason.ShouldBe(FailureReasons.Interrupted);
        Puts().ShouldHaveSingleItem();
    }

    /// <summary>A registry that is busy for most of a minute: time enough for a newer build.</summary>
    [Fact]
    public async Task PutAsync_WhenItIsMovedBetweenTwoTries_LeavesItAlone()
    {
        var tags = await StartAsync("1.0");
        OnFirstPut(context =>
        {
            _registry.Manifests["1.0"] = Newer;
            context.Response.StatusCode = 503;
        });
        (await PutInTwoTriesAsync(tags)).ShouldBe("1.0");
        Tag("1.0").ShouldBe(Newer.Digest);
        Puts().ShouldHaveSingleItem();
        _log.ToString().ShouldContain($"points at {Newer.Digest} now: it is left alone");
    }

    /// <summary>The first try has put it, and somebody else has moved it since: it is theirs.</summary>
    [Fact]
    public async Task PutAsync_WhenAnAnswerIsLostAndItIsMovedSince_LeavesItAlone()
    {
        var tags = await StartAsync("1.0");
        OnFirstPut(context =>
        {
            _registry.Manifests["1.0"] = Newer;
            context.Abort();
        });
        (await PutInTwoTriesAsync(tags)).ShouldBe("1.0");
        Tag("1.0").ShouldBe(Newer.Digest);
        Puts().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task PutAsync_WhenOnlyTheAnswerIsLost_IsDone()
    {
        var tags = await StartAsync("1.0");
        OnFirstPut(context =>
        {
            _registry.Manifests["1.0"] = Ours;
            context.Abort();
        });
        (await PutInTwoTriesAsync(tags)).ShouldBeNull();
        Tag("1.0").ShouldBe(Ours.Digest);
        Puts().ShouldHaveSingleItem();
    }

    [Fact]
    public async Task PutAsync_WhenTheRegistryIsBusyOnce_PutsItWithTheNextTry()
    {
        var tags = await StartAsync("1.0");
        OnFirstPut(context => context.Response.StatusCode = 503);
        (await PutInTwoTriesAsync(tags)).ShouldBeNull();
        Tag("1.0").ShouldBe(Ours.Digest);
    }

    [Fact]
    public async Task PutAsync_WhenToldToEndBetweenTwoTags_PutsTheOther()
    {
        using var interrupted = new CancellationTokenSource();
        var tags = await StartAsync();
        OnPut("1.0", interrupted.Cancel);
        (await tags.PutAsync(Ours, interrupted.Token)).ShouldBeNull();
        Tag("latest").ShouldBe(Ours.Digest);
    }

    [Fact]
    public async Task PutAsync_WhenToldToEndAndTheRegistryHangs_GivesUpAfterTwentySeconds()
    {
        using var interrupted = new CancellationTokenSource();
        var tags = await StartAsync();
        OnPut("latest", interrupted.Cancel, hang: true);
        // Ahead of the put, since a token tells the last who asked first: the twenty seconds have begun when this comes.
        var told = WaitForAsync(interrupted.Token);
        var putting = tags.PutAsync(Ours, interrupted.Token);
        await told;
        _time.Advance(TimeSpan.FromSeconds(19));
        putting.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(1));
        await Should.ThrowAsync<OperationCanceledException>(() => putting);
    }

    [Fact]
    public async Task PutAsync_WhenToldToEndBeforeTheFirstTag_PutsNone()
    {
        using var interrupted = new CancellationTokenSource();
        var tags = await StartAsync();
        await interrupted.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => tags.PutAsync(Ours, interrupted.Token));
        Puts().ShouldBeEmpty();
    }

    /// <summary>Repositories that come about with their first push: some registries refuse to look into them.</summary>
    [Theory]
    [InlineData(401)]
    [InlineData(403)]
    public async Task RememberAsync_WhenTheRepositoryMayNotBeRead_CountsItsTagsAsNotThere(int status)
    {
        _registry.Manifests.Clear();
        _registry.Fault = context =>
        {
            context.Response.StatusCode = status;
            return Task.FromResult(true);
        };
        var tags = await StartAsync();
        _registry.Fault = _ => Task.FromResult(false);
        (await tags.PutAsync(Ours, Token)).ShouldBeNull();
    }

    private async Task<TagPublisher> StartAsync(params string[] names) => await StartAsync(null, names);

    private async Task<TagPublisher> StartAsync(DateTimeOffset? until, params string[] names)
    {
        var tags = new TagPublisher(_client, names is [] ? ["1.0", "latest"] : names, until, _log, _time);
        await tags.RememberAsync(Token);
        return tags;
    }

    private void OnPut(string tag, Action action, bool hang = false) => _registry.Fault = async context =>
    {
        if (context.Request.Method == "PUT" && context.Request.Path.Value!.EndsWith("/" + tag, StringComparison.Ordinal))
        {
            action();
            if (hang) await new TaskCompletionSource().Task.WaitAsync(context.RequestAborted);
        }

        return false;
    };

    /// <summary>What the action does is all that the first put of a tag comes to.</summary>
    private void OnFirstPut(Action<HttpContext> action) => _registry.Fault = context =>
    {
        var first = context.Request.Method == "PUT" && context.Request.Path.Value!.EndsWith("/1.0", StringComparison.Ordinal) && Puts().Count == 1;
        if (first) action(context);
        return Task.FromResult(first);
    };

    private async Task<string?> PutInTwoTriesAsync(TagPublisher tags)
    {
        var putting = tags.PutAsync(Ours, Token);
        await _time.TimerAsync(TimeSpan.FromMilliseconds(500));
        _time.Advance(TimeSpan.FromMilliseconds(500));
        return await putting;
    }

    private static async Task WaitForAsync(CancellationToken token)
    {
        var cancelled = new TaskCompletionSource();
        await using var registration = token.Register(cancelled.SetResult);
        await cancelled.Task;
    }

    private string Tag(string tag) => _registry.Manifests[tag].Digest;

    private List<string> Puts() => [.. _registry.Requests.Where(request => request.StartsWith("PUT", StringComparison.Ordinal) && !request.Contains("sha256:", StringComparison.Ordinal))];
}
