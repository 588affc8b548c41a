using Microsoft.Extensions.Time.Testing;

namespace Slipway.Tests.Unit.Kube;

/// <summary>A clock that stands still, and that tells when somebody has begun to wait: then, and not before, it may be advanced.</summary>
internal sealed class TestClock : FakeTimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<TimeSpan> _timers = [];
    private int _fired;
    private TaskCompletionSource _added = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>How often a timer has gone off: who waits without polling makes it once.</summary>
    public int Fired => Volatile.Read(ref _fired);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(
            argument =>
            {
                Interlocked.Increment(ref _fired);
                callback(argument);
            },
            state, dueTime, period);
        lock (_lock)
        {
            _timers.Add(dueTime);
            _added.TrySetResult();
        }

        return timer;
    }

    /// <summary>Waits until a timer of exactly this length has been set; each is seen once.</summary>
    public async Task TimerAsync(TimeSpan dueTime)
    {
        while (true)
        {
            Task added;
            lock (_lock)
            {
                if (_timers.Remove(dueTime))
                {
                    return;
                }

                if (_added.Task.IsCompleted)
                {
                    _added = new(TaskCreationOptions.RunContinuationsAsynchronously);
                }

                added = _added.Task;
            }

            await added.Soon();
        }
    }

    /// <summary>Waits until somebody waits for this long, and lets that time pass.</summary>
    public async Task PassAsync(TimeSpan dueTime)
    {
        await TimerAsync(dueTime);
        Advance(dueTime);
    }
}
