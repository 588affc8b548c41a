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
