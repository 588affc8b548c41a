using Microsoft.AspNetCore.Http;
using Slipway.Runner;
using Slipway.Tests.Unit.Registry;

namespace Slipway.Tests.Unit.Runner;

/// <summary>The verb against a registry on loopback.</summary>
public sealed class RegistrySweepTests : IAsyncLifetime
{
    private readonly StringWriter _log = new();
    private FakeRegistry _registry = null!;

    public async ValueTask InitializeAsync() => _registry = await FakeRegistry.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _log.DisposeAsync();
        await _registry.DisposeAsync();
    }

    [Fact]
    public async Task Sweep_OfTagsOutOfUse_DeletesTheirDigests()
    {
        Tag("old", "one");
        Tag("older", "two");
        foreach (var tag in new[] { "a", "b", "c", "d", "e" }) Tag(tag, tag);

        var result = await RunAsync("old", "older");

        result.Failure.ShouldBeNull();
        result.Expiry!.Complete.ShouldBeTrue();
        result.Expiry.Manifests.ShouldBe(new ExpiredObjects(0, 2));
        Tags.ShouldBe(["a", "b", "c", "d", "e"]);
    }

    /// <summary>With the digest every tag of it would go.</summary>
    [Fact]
    public async Task Sweep_OfADigestThatALiveTagStandsFor_LeavesIt()
    {
        Tag("old", "same");
        foreach (var tag in new[] { "a", "b", "c", "z" }) Tag(tag, tag);
        Tag("live", "same");

        var result = await RunAsync("old");

        result.Expiry!.Manifests.ShouldBe(new ExpiredObjects(1, 0));
        Tags.ShouldContain("live");
    }

    [Fact]
    public async Task Sweep_OfTagsThatAreGone_AsksForNothingMore()
    {
        Tag("a", "a");
        var result = await RunAsync("gone", "never");
        result.Expiry!.Complete.ShouldBeTrue();
        _registry.Requests.ShouldAllBe(request => request.StartsWith("HEAD", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(405)]
    [InlineData(403)]
    [InlineData(401)]
    public async Task Sweep_WhereTheRegistryForbidsDeletes_SaysSo(int status)
    {
        Tag("old", "one");
        _registry.Fault = context =>
        {
            if (context.Request.Method == "DELETE") context.Response.StatusCode = status;
            return Task.FromResult(context.Request.Method == "DELETE");
        };

        var result = await RunAsync("old");

        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Config CacheDeletesForbidden");
    }

    /// <summary>What other tags stand for is not known then.</summary>
    [Fact]
    public async Task Sweep_WhereTagsCannotBeListed_DeletesNothing()
    {
        Tag("old", "one");
        _registry.Fault = context =>
        {
            var list = context.Request.Path.Value!.EndsWith("/tags/list", StringComparison.Ordinal);
            if (list) context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            return Task.FromResult(list);
        };

        var result = await RunAsync("old");

        result.Failure!.Reason.ShouldBe(FailureReasons.RegistryRefused);
        Tags.ShouldBe(["old"]);
    }

    /// <summary>Behind a proxy that ends TLS it names itself by what it hears.</summary>
    [Theory]
    [InlineData("https://registry.internal:5000")]
    [InlineData("http://registry.internal")]
    public async Task Sweep_WhereTheRegistryNamesItselfAnother_StillSeesAllTags(string self)
    {
        _registry.NextPage = path => $"<{self}{path}>; rel=next";
        Tag("old", "same");
        foreach (var tag in new[] { "a", "b", "c", "z" }) Tag(tag, tag);
        Tag("live", "same");

        (await RunAsync("old")).Expiry!.Manifests.ShouldBe(new ExpiredObjects(1, 0));
    }

    [Fact]
    public async Task Sweep_WhereAPageNamesItselfAsTheNext_DeletesNothing()
    {
        _registry.NextPage = path => $"<{path[..path.IndexOf('?', StringComparison.Ordinal)]}?n=1000>; rel=\"next\"";
        foreach (var tag in new[] { "a", "b", "c", "old" }) Tag(tag, tag);

        var result = await RunAsync("old");

        result.Failure!.Message.ShouldContain("does not tell all of its tags");
        Tags.ShouldContain("old");
    }

    /// <summary>Some list nothing to whom may read each; some answer with the first page alone.</summary>
    [Fact]
    public async Task Sweep_WhereTheListLacksATagThatIsThere_DeletesNothing()
    {
        _registry.NextPage = _ => "";
        foreach (var tag in new[] { "a", "b", "c", "old" }) Tag(tag, tag);

        var result = await RunAsync("old");

        $"{result.Failure!.Class} {result.Failure.Reason}".ShouldBe("Config RegistryRefused");
        result.Failure.Message.ShouldContain("nothing was deleted");
        Tags.ShouldContain("old");
    }

    /// <summary>A tag that must not change, or a manifest that another refers to, keeps no other alive.</summary>
    [Fact]
    public async Task Sweep_WhereTheRegistryRefusesOne_DeletesTheOthersAndSaysSo()
    {
        foreach (var tag in new[] { "a", "held", "old" }) Tag(tag, tag);
        var held = _registry.Manifests["held"].Digest;
        _registry.Fault = context =>
        {
            var refused = context.Request.Method == "DELETE" && context.Request.Path.Value!.EndsWith(held, StringComparison.Ordinal);
            if (refused) context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return Task.FromResult(refused);
        };

        var result = await RunAsync("held", "old");

        result.Failure.ShouldBeNull();
        result.Expiry!.Complete.ShouldBeFalse();
        result.Expiry.Conflicts.ShouldHaveSingleItem().ShouldContain("1 of 2");
        Tags.ShouldBe(["a", "held"]);
    }

    private IEnumerable<string> Tags => _registry.Manifests.Keys.Where(Slipway.Registry.ImageReference.IsTag).Order(StringComparer.Ordinal);

    private void Tag(string tag, string content)
    {
        var image = OciSamples.Image(content);
        _registry.Add(image);
        _registry.Manifests[tag] = image;
    }

    private Task<RunResult> RunAsync(params string[] unused) => new ExpireCacheVerb(_log, TimeProvider.System).RunAsync(
        new ExpireCacheDescription
        {
            Owner = "11-22",
            TtlSeconds = 336 * 3600,
            Registry = new RegistryExpiryDescription { Cache = new RegistryCacheDescription { Repository = $"{_registry.Host}/team/cache" }, PlainHttp = true, UnusedTags = unused },
        },
        TestContext.Current.CancellationToken);
}
