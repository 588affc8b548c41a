namespace Slipway.Tests.CrashPoints;

/// <summary>An operator that dies once, however it dies, and is started again at once.</summary>
internal interface IMortalOperator : IAsyncDisposable
{
    /// <summary>Which life this is: 1, then 2; 0 while it is dead.</summary>
    int Life { get; }

    /// <summary>How long it may take between two writes that belong together.</summary>
    TimeSpan Breath { get; }

    Task StartAsync();
}

/// <summary>In this process. Without a point it lives on.</summary>
internal sealed class MortalOperator(LocalApiServer server, Mask mask, TimeSpan keepSucceeded, CrashPoint? point = null) : IMortalOperator
{
    private readonly Wire _wire = new(mask, point);
    private RunningOperator? _running;
    private Task _reviving = Task.CompletedTask;

    public int Life => !_wire.Died.IsCompleted ? 1 : _reviving.IsCompletedSuccessfully ? 2 : 0;

    public TimeSpan Breath => TimeSpan.FromMilliseconds(250);

    public IReadOnlyList<CallSite> Sites => _wire.Sites;

    public async Task StartAsync()
    {
        _running = await StartAsync(_wire.Handler);
        _reviving = ReviveAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_wire.Died.IsCompleted) await _reviving;
        if (_running is not null) await _running.DisposeAsync();
    }

    /// <summary>Its drain is no grace: whatever its passes ask for fails.</summary>
    private async Task ReviveAsync()
    {
        await _wire.Died;
        await _running!.DisposeAsync();
        _running = null;
        _running = await StartAsync(null);
    }

    private Task<RunningOperator> StartAsync(Func<DelegatingHandler>? wire)
    {
        var settings = LocalApiServer.OperatorSettings();
        return RunningOperator.StartAsync(settings with { Wire = wire, Builds = settings.Builds with { KeepSucceeded = keepSucceeded } }, server.OperatorConfig());
    }
}
