using System.Collections.Concurrent;

namespace Slipway.Tests.Unit.Registry;

/// <summary>Pauses up to 20 s are over at once and written down; longer ones are limits, which never strike.</summary>
internal sealed class HurryingTime : TimeProvider
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(20);

    public ConcurrentQueue<TimeSpan> Pauses { get; } = new();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime > LongestPause || dueTime < TimeSpan.Zero)
        {
            return System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        Pauses.Enqueue(dueTime);
        return System.CreateTimer(callback, state, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
