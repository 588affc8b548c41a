namespace Slipway.Tests.CrashPoints;

/// <summary>A process of its own that SIGKILL ends once the API server has seen so many of its writes.</summary>
internal sealed class KilledOperator(LocalApiServer server, int writes) : IMortalOperator
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly CancellationTokenSource _spared = new();
    private LoopbackService? _process;
    private Task _reviving = Task.CompletedTask;

    public int Life { get; private set; } = 1;

    /// <summary>What it does for the first time has to be compiled.</summary>
    public TimeSpan Breath => TimeSpan.FromSeconds(1);

    public async Task StartAsync()
    {
        var mark = server.Audit.Mark();
        _process = await StartProcessAsync();
        _reviving = ReviveAsync(mark);
    }

    public async ValueTask DisposeAsync()
    {
        await _spared.CancelAsync();
        await _reviving;
        if (_process is not null) await _process.DisposeAsync();
        _spared.Dispose();
    }

    private async Task ReviveAsync(long mark)
    {
        for (var seen = 0; seen < writes; seen += server.Audit.Next(ref mark).Count(entry => entry.IsWrite))
        {
            await Task.Delay(Pause, TimeProvider.System, _spared.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_spared.IsCancellationRequested) return;
        }

        Life = 0;
        await _process!.KillAsync();
        await _process.DisposeAsync();
        _process = null;
        _process = await StartProcessAsync();
        Life = 2;
    }

    private async Task<LoopbackService> StartProcessAsync()
    {
        using var http = new HttpClient();
        var port = LocalApiServer.FreePort();
        var process = server.StartOperator(port);
        await process.ReadyAsync(http, new Uri($"http://127.0.0.1:{port}/readyz"), StartLimit);
        return process;
    }
}
