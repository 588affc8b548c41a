using System.Globalization;
using NSubstitute;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Writing;

namespace Slipway.Tests.Unit.Kube.Writing;

[Requirement("R17")]
public sealed class ApplierTests
{
    private readonly IKubeClient _client = Substitute.For<IKubeClient>();
    private readonly Applier _applier;
    private int _version = 10;

    public ApplierTests()
    {
        _applier = NewProcess();
        _client.ApplyAsync(Arg.Any<Widget>(), Arg.Any<CancellationToken>())
            .Returns(call => Stored(call.Arg<Widget>(), ++_version));
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

    // the store has not seen our own write yet.
    [Requirement("R16", "cr#1464", "cr#741")]
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

    // Every object once more at every start is a write storm for nothing.
    [Fact]
    public async Task ApplyAsync_WhenAnotherProcessAppliedTheSame_SendsNothing()
    {
        var applied = await NewProcess().ApplyAsync(Sized(1), null, Token);
        (await _applier.ApplyAsync(Sized(1), applied, Token)).ShouldBeSameAs(applied);
        (await _applier.ApplyAsync(Sized(1), applied, Token)).ShouldBeSameAs(applied);
        await ReceivedApplies(1);
    }

    [Fact]
    public async Task ApplyAsync_WhenSomebodyElseChangedTheObjectWhileNobodyLooked_CorrectsIt()
    {
        var applied = await NewProcess().ApplyAsync(Sized(1), null, Token);
        await _applier.ApplyAsync(Sized(1), Stored(applied with { Spec = new WidgetSpec { Size = 7 } }, 12), Token);
        await ReceivedApplies(2);
    }

    // What a newer version no longer wants is still there, and ours.
    [Fact]
    public async Task ApplyAsync_WhenAnotherProcessAppliedMore_AppliesLess()
    {
        var applied = await NewProcess().ApplyAsync(Sized(1), null, Token);
        await _applier.ApplyAsync(Widget.Named("a"), applied, Token);
        await ReceivedApplies(2);
    }

    [Fact]
    public async Task ApplyAsync_WhenOthersAddedFields_SendsNothing()
    {
        var applied = await NewProcess().ApplyAsync(Sized(1), null, Token);
        applied.Metadata.Labels = new Dictionary<string, string> { ["team"] = "x" };
        await _applier.ApplyAsync(Sized(1), applied, Token);
        await ReceivedApplies(1);
    }

    private static Widget Sized(int size) => Widget.Named("a") with { Spec = new WidgetSpec { Size = size } };

    private Applier NewProcess() => new(_client, new OperatorOptions());

    private static Widget Stored(Widget applied, int version)
    {
        var stored = KubeJson.Clone(applied);
        stored.Metadata.ResourceVersion = version.ToString(CultureInfo.InvariantCulture);
        return stored;
    }

    private Task<Widget> ReceivedApplies(int count) => _client.Received(count).ApplyAsync(Arg.Any<Widget>(), Arg.Any<CancellationToken>());
}
