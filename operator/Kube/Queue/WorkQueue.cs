using System.Threading.Channels;

namespace Slipway.Kube.Queue;

/// <summary>
/// Keys that want a pass. A key is handed out once at a time: added again before its turn it stays one, added while it is in flight
/// it comes back when that pass is done. A key can also wait: the earliest time counts, and an Add overtakes the wait.
/// After client-go's and controller-runtime's queues, by meaning.
/// </summary>
internal sealed class WorkQueue<TKey> : IDisposable
    where TKey : notnull
{
    // Longer than any timer wants, shorter than any timer may (49 days).
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(1);

    private readonly Lock _lock = new();
    private readonly Channel<TKey> _ready = Channel.CreateUnbounded<TKey>();
    // Added and not yet handed out / handed out and not yet done / added while in flight.
    private readonly HashSet<TKey> _queued = [];
    private readonly HashSet<TKey> _inFlight = [];
    private readonly HashSet<TKey> _dirty = [];
    // Waiting keys, each once, by the timestamp at which they are due.
    private readonly PriorityQueue<TKey, long> _waiting = new();
    private readonly Dictionary<TKey, int> _failures = [];
    private readonly TimeProvider _time;
    private readonly Backoff _backoff;
    private readonly Func<double> _jitter;
    private readonly ITimer _timer;
    private bool _shutDown;

    public WorkQueue(TimeProvider time, Backoff backoff, Func<double> jitter)
    {
        _time = time;
        _backoff = backoff;
        _jitter = jitter;
        _timer = time.CreateTimer(_ => ReleaseDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Keys that are ready to be handed out. Those that wait or are in flight do not count.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _queued.Count;
            }
        }
    }

    /// <summary>Nothing is ready or in flight.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_lock)
            {
                return _queued.Count == 0 && _inFlight.Count == 0;
            }
        }
    }

    public void Add(TKey key)
    {
        lock (_lock)
        {
            AddLocked(key);
        }
    }

    /// <summary>Adds the key after a wait, or not at all where it is ready already or due sooner.</summary>
    public void AddAfter(TKey key, TimeSpan delay)
    {
        lock (_lock)
        {
            if (delay <= TimeSpan.Zero)
            {
                AddLocked(key);
            }
            else if (!_shutDown && !_queued.Contains(key) && !_dirty.Contains(key))
            {
                WaitLocked(key, delay);
            }
        }
    }

    /// <summary>Adds the key after its backoff, which grows until <see cref="Forget"/>; where given not before <paramref name="atLeast"/> and not after <paramref name="atMost"/>.</summary>
    public void AddRateLimited(TKey key, TimeSpan atLeast = default, TimeSpan? atMost = null)
    {
        TimeSpan wait;
        lock (_lock)
        {
            var failures = _failures.GetValueOrDefault(key) + 1;
            _failures[key] = failures;
            wait = _backoff.Delay(failures, _jitter());
            if (wait > atMost)
            {
                wait = atMost.Value;
            }
        }

        AddAfter(key, wait > atLeast ? wait : atLeast);
    }

    /// <summary>Ends the key's backoff: its next failure counts as the first.</summary>
    public void Forget(TKey key)
    {
        lock (_lock)
        {
            _failures.Remove(key);
        }
    }

    /// <summary>How often the key was added with backoff since it was last forgotten.</summary>
    public int NumRequeues(TKey key)
    {
        lock (_lock)
        {
            return _failures.GetValueOrDefault(key);
        }
    }

    /// <summary>Waits for a key, which is in flight until <see cref="Done"/>.</summary>
    /// <returns>ShutDown is true, and the key none, once the queue is shut down.</returns>
    public async Task<(bool ShutDown, TKey Key)> TakeAsync(CancellationToken cancellationToken)
    {
        while (await _ready.Reader.WaitToReadAsync(cancellationToken))
        {
            lock (_lock)
            {
                if (_shutDown)
                {
                    break;
                }

                if (_ready.Reader.TryRead(out var key))
                {
                    _queued.Remove(key);
                    _inFlight.Add(key);
                    return (false, key);
                }
            }
        }

        return (true, default!);
    }

    /// <summary>The key's pass is over. Comes after whatever the pass wants to add.</summary>
    public void Done(TKey key)
    {
        lock (_lock)
        {
            _inFlight.Remove(key);
            if (_dirty.Remove(key))
            {
                AddLocked(key);
            }
        }
    }

    /// <summary>Takes nothing in and hands nothing out any more. What is in flight is left to finish.</summary>
    public void ShutDown()
    {
        lock (_lock)
        {
            _shutDown = true;
            _queued.Clear();
            _waiting.Clear();
            _ready.Writer.TryComplete();
        }
    }

    public void Dispose()
    {
        ShutDown();
        _timer.Dispose();
    }

    private void AddLocked(TKey key)
    {
        if (_shutDown)
        {
            return;
        }

        _waiting.Remove(key, out _, out _);
        if (_inFlight.Contains(key))
        {
            _dirty.Add(key);
        }
        else if (_queued.Add(key))
        {
            _ready.Writer.TryWrite(key);
        }
    }

    private void WaitLocked(TKey key, TimeSpan delay)
    {
        // Timestamps, not the time of day: nobody sets this clock.
        var due = _time.GetTimestamp() + (long)(delay.TotalSeconds * _time.TimestampFrequency);
        if (_waiting.Remove(key, out _, out var earlier))
        {
            due = Math.Min(due, earlier);
        }

        _waiting.Enqueue(key, due);
        SetTimerLocked();
    }

    private void ReleaseDue()
    {
        lock (_lock)
        {
            while (_waiting.TryPeek(out var key, out var due) && due <= _time.GetTimestamp())
            {
                AddLocked(key);
            }

            SetTimerLocked();
        }
    }

    private void SetTimerLocked()
    {
        if (!_waiting.TryPeek(out _, out var due))
        {
            return;
        }

        // Timers count whole milliseconds. Rounded up: one that fires too early only has to be set again.
        var wait = TimeSpan.FromMilliseconds(Math.Ceiling((due - _time.GetTimestamp()) * 1000.0 / _time.TimestampFrequency));
        _timer.Change(wait < TimeSpan.Zero ? TimeSpan.Zero : wait < LongestTimer ? wait : LongestTimer, Timeout.InfiniteTimeSpan);
    }
}
