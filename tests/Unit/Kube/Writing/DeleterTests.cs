using System.Net;
using NSubstitute;
using NSubstitute.ExceptionExtensions;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Writing;

namespace Slipway.Tests.Unit.Kube.Writing;

/// <summary>A store is behind our own deletions by moments.</summary>
[Requirement("R16")]
public sealed class DeleterTests
{
    private readonly IKubeClient _client = Substitute.For<IKubeClient>();
    private readonly Widget _widget = Widget.Named("a");
    private readonly Deleter _deleter;

    public DeleterTests()
    {
        _deleter = new Deleter(_client);
        Answer().Returns(true);
    }

    [Fact]
    public async Task DeleteAsync_WhenItIsDone_IsRemembered()
    {
        _deleter.HasDeleted(_widget.Metadata.Uid).ShouldBeFalse();
        (await DeleteAsync()).ShouldBeTrue();
        _deleter.HasDeleted(_widget.Metadata.Uid).ShouldBeTrue();
        _deleter.HasDeleted("another").ShouldBeFalse("it may have the same name");
        await _client.Received(1).DeleteAsync<Widget>(new NamespacedName("ns", "a"), _widget.Metadata.Uid, PropagationPolicy.Background, Arg.Any<CancellationToken>());
    }

    [Fact]
    public async Task DeleteAsync_WhenTheNameIsAnothersByNow_IsAsGoodAsDone()
    {
        Answer().ThrowsAsync(new KubeApiException(HttpStatusCode.Conflict, "Conflict", "the uid is another"));
        (await DeleteAsync()).ShouldBeFalse();
        _deleter.HasDeleted(_widget.Metadata.Uid).ShouldBeTrue();
    }

    // Whether it was deleted is not known: better ask once more.
    [Fact]
    public async Task DeleteAsync_WhenItFails_IsNotRemembered()
    {
        Answer().ThrowsAsync(new IOException("lost"));
        await Should.ThrowAsync<IOException>(DeleteAsync());
        _deleter.HasDeleted(_widget.Metadata.Uid).ShouldBeFalse();
    }

    private Task<bool> Answer() =>
        _client.DeleteAsync<Widget>(Arg.Any<NamespacedName>(), Arg.Any<string?>(), Arg.Any<PropagationPolicy>(), Arg.Any<CancellationToken>());

    private Task<bool> DeleteAsync() => _deleter.DeleteAsync(_widget, PropagationPolicy.Background, TestContext.Current.CancellationToken);
}
