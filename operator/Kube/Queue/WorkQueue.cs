using System.Threading.Channels;
using Slipway.Kube.Telemetry;

namespace Slipway.Kube.Queue;

/// <summary>
/// Keys that want a pass. A key is handed out once at a time: added again before its turn it stays one, added while it is in flight
/// it comes back when that pass is done. A key can also wait: the earliest time counts, and an Add overtakes the wait. Keys of low
/// priority come when there are no others, and now and then in between. After client-go's and controller-runtime's queues, by meaning.
/// </summary>
internal sealed class WorkQueue<TKey> : IDisposable
    where TKey : notnull
{
    // Longer than any timer wants, shorter than any timer may (49 days).
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(1);

    // One turn in so many is that of a key of low priority, whatever else there is.
    private const int LowPriorityTurns = 8;

    private readonly Lock _lock = new();
    // One for each key that is queued, for whoever waits.
    private readonly Channel<bool> _ready = Channel.CreateUnbounded<bool>();
    private readonly Queue<Entry> _entries = new();
    private readonly Queue<Entry> _lowEntries = new();
    // Added and not yet handed out / handed out and not yet done / added while in flight. Each since when.
    private readonly Dictionary<TKey, Entry> _queued = [];
    private readonly Dictionary<TKey, long> _inFlight = [];
    private readonly Dictionary<TKey, long> _dirty = [];
    // Waiting keys, each once, by the timestamp at which they are due.
    private readonly PriorityQueue<TKey, long> _waiting = new();
    private readonly Dictionary<TKey, int> _failures = [];
    private readonly TimeProvider _time;
    private readonly Backoff _backoff;
    private readonly Func<double> _jitter;
    private readonly QueueMetrics? _metrics;
    private readonly ITimer _timer;
    private int _turns;
    private bool _shutDown;

    public WorkQueue(TimeProvider time, Backoff backoff, Func<double> jitter, QueueMetrics? metrics = null)
    {
        _metrics = metrics;
        _time = time;
        _backoff = backoff;
        _jitter = jitter;
        _metrics?.ReportWork(() => InFlight);
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

    /// <summary>How long each key in flight has been so.</summary>
    public IReadOnlyList<TimeSpan> InFlight
    {
        get
        {
            lock (_lock)
            {
                return [.. _inFlight.Values.Select(since => _time.GetElapsedTime(since))];
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

    /// <summary>For what can wait for everything else, such as thousands of objects that were there before the process. Add overtakes it.</summary>
    public void AddLowPriority(TKey key)
    {
        lock (_lock)
        {
            AddLocked(key, low: true);
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
            else if (!_shutDown && !_queued.ContainsKey(key) && !_dirty.ContainsKey(key))
            {
                WaitLocked(key, delay);
            }
        }
    }

    /// <summary>Adds the key after its backoff, which grows until <see cref="Forget"/>; where given not before <paramref name="atLeast"/> and not after <paramref name="atMost"/>.</summary>
    public void AddRateLimited(TKey key, TimeSpan atLeast = default, TimeSpan? atMost = null)
    {
        TimeSpan wait;
        _metrics?.Retries.Inc();
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

                if (_ready.Reader.TryRead(out _))
                {
                    return (false, NextLocked());
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
            if (_inFlight.Remove(key, out var started))
            {
                _metrics?.WorkTime.Observe(_time.GetElapsedTime(started).TotalSeconds);
            }

            if (_dirty.Remove(key, out var since) && !_shutDown)
            {
                ReadyLocked(key, since);
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
            _metrics?.Depth.Set(0);
            _waiting.Clear();
            _ready.Writer.TryComplete();
        }
    }

    public void Dispose()
    {
        ShutDown();
        _timer.Dispose();
    }

    /// <summary>There is one: the caller has its token.</summary>
    private TKey NextLocked()
    {
        var (first, second) = ++_turns % LowPriorityTurns == 0 ? (_lowEntries, _entries) : (_entries, _lowEntries);
        Entry? entry;
        do
        {
            // Entries that an Add has overtaken are still in their line.
            if (!first.TryDequeue(out entry)) entry = second.Dequeue();
        }
        while (!_queued.TryGetValue(entry.Key, out var current) || current != entry);

        _queued.Remove(entry.Key);
        _inFlight.Add(entry.Key, _time.GetTimestamp());
        _metrics?.Depth.Dec();
        _metrics?.QueueTime.Observe(_time.GetElapsedTime(entry.Since).TotalSeconds);
        return entry.Key;
    }

    private void AddLocked(TKey key, bool low = false)
    {
        if (_shutDown)
        {
            return;
        }

        _waiting.Remove(key, out _, out _);
        if (_queued.TryGetValue(key, out var queued))
        {
            if (queued.Low && !low)
            {
                EnqueueLocked(new Entry(key, queued.Since, Low: false));
            }

            return;
        }

        if (_dirty.ContainsKey(key))
        {
            return;
        }

        _metrics?.Adds.Inc();
        if (_inFlight.ContainsKey(key))
        {
            _dirty.Add(key, _time.GetTimestamp());
        }
        else
        {
            ReadyLocked(key, _time.GetTimestamp(), low);
        }
    }

    private void ReadyLocked(TKey key, long since, bool low = false)
    {
        EnqueueLocked(new Entry(key, since, low));
        _ready.Writer.TryWrite(true);
        _metrics?.Depth.Inc();
    }

    private void EnqueueLocked(Entry entry)
    {
        _queued[entry.Key] = entry;
        (entry.Low ? _lowEntries : _entries).Enqueue(entry);
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

    /// <param name="Key">What wants a pass.</param>
    /// <param name="Since">When it was added.</param>
    /// <param name="Low">Whether others go first.</param>
    private sealed record Entry(TKey Key, long Since, bool Low);
}
