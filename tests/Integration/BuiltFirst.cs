[assembly: AssemblyFixture(typeof(Slipway.Tests.Integration.BuiltFirst))]

namespace Slipway.Tests.Integration;

/// <summary>
/// What has to be compiled is compiled before the first test, for minutes where the cache is empty: beside a compiler on every core a
/// kube-apiserver was once seen to answer a delete with 500. What cannot be had is the business of the tests that want it.
/// </summary>
public sealed class BuiltFirst : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);

    public async ValueTask InitializeAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        await CrdServer.UpAsync(patience.Token);
        await ClusterScript.RunAsync(patience.Token, "crd-server", "up");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
