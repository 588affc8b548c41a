namespace Slipway.Runner;

/// <summary>The run's own time and the order to end, told apart.</summary>
internal sealed class Deadline : IDisposable
{
    private readonly CancellationToken _interrupted;
    private readonly TimeSpan _limit;
    private readonly CancellationTokenSource _time;
    private readonly CancellationTokenSource _either;

    public Deadline(TimeSpan limit, TimeProvider time, CancellationToken interrupted)
    {
        _limit = limit;
        _interrupted = interrupted;
        _time = new CancellationTokenSource(limit, time);
        _either = CancellationTokenSource.CreateLinkedTokenSource(_time.Token, interrupted);
    }

    /// <summary>Either of the two.</summary>
    public CancellationToken Token => _either.Token;

    /// <summary>The time alone.</summary>
    public CancellationToken Over => _time.Token;

    public RunFailure TimedOut => new()
    {
        Class = FailureClass.Timeout,
        Reason = FailureReasons.TimedOut,
        Message = $"The run did not end in its {(int)_limit.TotalSeconds} s.",
    };

    /// <summary>Infrastructure, since a drained node looks like this; whoever cancels a build knows that they did.</summary>
    public static RunFailure Interrupted => new()
    {
        Class = FailureClass.Infrastructure,
        Reason = FailureReasons.Interrupted,
        Message = "The Job was told to end before the run was done.",
    };

    public async Task GuardAsync(Func<Task> run)
    {
        try
        {
            await run();
        }
        catch (OperationCanceledException) when (_interrupted.IsCancellationRequested)
        {
            throw new RunFailureException(Interrupted);
        }
        catch (OperationCanceledException) when (_time.IsCancellationRequested)
        {
            throw new RunFailureException(TimedOut);
        }
    }

    public void Dispose()
    {
        _either.Dispose();
        _time.Dispose();
    }
}
