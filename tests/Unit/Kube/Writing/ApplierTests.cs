using NSubstitute;
using Slipway.Kube.Client;
using Slipway.Kube.Writing;

namespace Slipway.Tests.Unit.Kube.Writing;

public sealed class ApplierTests
{
    private readonly IKubeClient _client = Substitute.For<IKubeClient>();
    private readonly Applier _applier;
    private int _version = 10;

    public ApplierTests()
    {
        _applier = new Applier(_client);
        _client.ApplyAsync(Arg.Any<Widget>(), Arg.Any<CancellationToken>())
            .Returns(_ => Widget.Named("a", ++_version));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ApplyAsync_WhenNothingChanged_SendsNothing()
    {
        var applied = await _applier.ApplyAsync(Sized(1), null, Token);
        (await _applier.ApplyAsync(Sized(1), applied, Token)).ShouldBeSameAs(applied);
        await ReceivedApplies(1);
    }

    // Drift: whoever changed the object gave it a new version.
    [Fact]
    public async Task ApplyAsync_WhenSomebodyElseChangedTheObject_CorrectsIt()
    {
        await _applier.ApplyAsync(Sized(1), null, Token);
        await _applier.ApplyAsync(Sized(1), Widget.Named("a", 99), Token);
        await ReceivedApplies(2);
    }

    [Fact]
    public async Task ApplyAsync_WhenTheDesiredObjectChanged_AppliesIt()
    {
        var applied = await _applier.ApplyAsync(Sized(1), null, Token);
        await _applier.ApplyAsync(Sized(2), applied, Token);
        await ReceivedApplies(2);
    }

    // R16: the store has not seen our own write yet.
    [Fact]
    public async Task ApplyAsync_WhenTheStoreStillShowsTheVersionBefore_SendsNothing()
    {
        var before = Widget.Named("a", 5);
        await _applier.ApplyAsync(Sized(1), before, Token);
        await _applier.ApplyAsync(Sized(1), before, Token);
        await ReceivedApplies(1);
    }

    [Fact]
    public async Task ApplyAsync_WhenTheObjectIsGone_CreatesItAnew()
    {
        await _applier.ApplyAsync(Sized(1), null, Token);
        await _applier.ApplyAsync(Sized(1), null, Token);
        await ReceivedApplies(2);
    }

    [Fact]
    public async Task ApplyAsync_WhenRefused_IsTriedAgain()
    {
        _client.ApplyAsync(Arg.Any<Widget>(), Arg.Any<CancellationToken>())
            .Returns(_ => throw new IOException("down"), _ => Widget.Named("a", 11));
        await Should.ThrowAsync<IOException>(_applier.ApplyAsync(Sized(1), Widget.Named("a", 5), Token));
        await _applier.ApplyAsync(Sized(1), Widget.Named("a", 5), Token);
        await ReceivedApplies(2);
    }

    private static Widget Sized(int size) => Widget.Named("a") with { Spec = new WidgetSpec { Size = size } };

    private Task<Widget> ReceivedApplies(int count) => _client.Received(count).ApplyAsync(Arg.Any<Widget>(), Arg.Any<CancellationToken>());
}
