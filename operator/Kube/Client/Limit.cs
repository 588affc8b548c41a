namespace Slipway.Kube.Client;

/// <summary>A time limit for awaits, told apart from the caller's own cancellation: it ends them with <see cref="TimeoutException"/>.</summary>
internal sealed class Limit : IDisposable
{
    private readonly TimeSpan _limit;
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _timer;
    private readonly CancellationTokenSource _linked;

    public Limit(TimeSpan limit, TimeProvider time, CancellationToken caller)
    {
        _limit = limit;
        _caller = caller;
        _timer = new CancellationTokenSource(limit, time);
        _linked = CancellationTokenSource.CreateLinkedTokenSource(caller, _timer.Token);
    }

    public void Restart() => _timer.CancelAfter(_limit);

    public async Task<TResult> GuardAsync<TResult>(Func<CancellationToken, Task<TResult>> call)
    {
        try
        {
            return await call(_linked.Token);
        }
        catch (OperationCanceledException exception) when (_timer.IsCancellationRequested && !_caller.IsCancellationRequested)
        {
            throw new TimeoutException($"The API server was silent for {_limit}.", exception);
        }
    }

    public void Dispose()
    {
        _linked.Dispose();
        _timer.Dispose();
    }
}
