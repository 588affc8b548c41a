namespace Slipway.Tests.E2E;

/// <summary>
/// Something that all tests share, where some strike what others count on. Tests of one side go beside each other, the other side's
/// when all of them are done: whoever comes while his side has it goes with them.
/// </summary>
internal sealed class Sides
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _free = Waiting();
    private string? _side;
    private int _there;

    /// <summary>Returns when no test of another side is there; it leaves when disposed of.</summary>
    public async Task<IDisposable> JoinAsync(string side, CancellationToken token)
    {
        while (true)
        {
            Task free;
            lock (_lock)
            {
                if (_there == 0 || _side == side)
                {
                    _side = side;
                    _there++;
                    return new Place(Leave);
                }

                free = _free.Task;
            }

            await free.WaitAsync(token);
        }
    }

    private void Leave()
    {
        TaskCompletionSource free;
        lock (_lock)
        {
            if (--_there > 0) return;
            (free, _free) = (_free, Waiting());
        }

        free.SetResult();
    }

    /// <summary>Who waits goes on in a thread of his own, not in that of who leaves.</summary>
    private static TaskCompletionSource Waiting() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Place(Action leave) : IDisposable
    {
        private Action? _leave = leave;

        public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke();
    }
}

/// <summary>What the tests of this suite share, beside the pool: who strikes it has to say so, and who cannot bear that.</summary>
internal sealed class Shared : IDisposable
{
    private readonly Sides _operator = new();
    private readonly Sides _node = new();
    private readonly SemaphoreSlim _leadership = new(1, 1);
    private int _alone;

    /// <summary>The operator may go and come back while the test has this.</summary>
    public Task<IDisposable> StrikesOperatorAsync() => _operator.JoinAsync("strikes", TestContext.Current.CancellationToken);

    /// <summary>The operator has other options while the test has this, and nobody else strikes it: what they bring comes at its own times.</summary>
    public Task<IDisposable> ChangesOperatorAsync() => AloneAsync(_operator);

    /// <summary>The operator stays the one that it is.</summary>
    public Task<IDisposable> CountsOnOperatorAsync() => _operator.JoinAsync("counts on it", TestContext.Current.CancellationToken);

    /// <summary>The second node is this test's alone, and the operator stays.</summary>
    public async Task<IDisposable> StrikesNodeAsync()
    {
        // Everybody asks for the operator first, or two might wait for each other.
        var counts = await CountsOnOperatorAsync();
        var alone = await AloneAsync(_node);
        return new Both(alone, counts);
    }

    /// <summary>The second node is there: builds of every platform come to their end in time.</summary>
    public Task<IDisposable> CountsOnNodeAsync() => _node.JoinAsync("counts on it", TestContext.Current.CancellationToken);

    /// <summary>One at a time changes who leads, in turn: who has just done it comes after those that wait.</summary>
    public async Task<IDisposable> ChangesLeaderAsync()
    {
        await _leadership.WaitAsync(TestContext.Current.CancellationToken);
        return new Turn(_leadership);
    }

    public void Dispose() => _leadership.Dispose();

    private Task<IDisposable> AloneAsync(Sides sides) => sides.JoinAsync($"alone {Interlocked.Increment(ref _alone)}", TestContext.Current.CancellationToken);

    private sealed class Turn(SemaphoreSlim turns) : IDisposable
    {
        private SemaphoreSlim? _turns = turns;

        public void Dispose() => Interlocked.Exchange(ref _turns, null)?.Release();
    }

    private sealed class Both(IDisposable first, IDisposable second) : IDisposable
    {
        public void Dispose()
        {
            first.Dispose();
            second.Dispose();
        }
    }
}
