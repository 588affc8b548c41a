namespace Slipway.Kube.Events;

/// <summary>What is to be written for an event that has happened.</summary>
/// <param name="Series">Which Event object this is the next of; the writer remembers its name by it.</param>
/// <param name="Count">1 is the first: a new Event. Otherwise the old one is counted up.</param>
/// <param name="Message">Not always the one that was recorded.</param>
internal sealed record EventStep(EventSeries Series, int Count, string Message);

internal readonly record struct EventSeries(string Uid, EventType Type, string Reason, string Message);

/// <summary>
/// Keeps an object in trouble from filling etcd, by the rules of client-go: repetitions count one Event up, more than ten different
/// messages for one reason in ten minutes become one Event, and an object has 25 events at once and then one in five minutes.
/// Remembers as much as it needs for the objects of the last ten minutes, and never more than <see cref="Capacity"/> of each kind.
/// </summary>
internal sealed class EventCorrelator(TimeProvider time)
{
    internal const string Combined = "(combined from similar events): ";
    internal const int Capacity = 4096;

    private const int MostMessages = 10;
    private const int Burst = 25;
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Refill = TimeSpan.FromMinutes(5);

    private readonly Recent<string, Budget> _budgets = new(Capacity);
    private readonly Recent<EventSeries, Similar> _similar = new(Capacity);
    private readonly Recent<EventSeries, int> _counts = new(Capacity);

    /// <summary>Null where the object has had its share.</summary>
    public EventStep? Next(RecordedEvent happened)
    {
        var uid = happened.Regarding.Uid;
        if (!TakeFromBudget(uid))
        {
            return null;
        }

        var alike = new EventSeries(uid, happened.Type, happened.Reason, "");
        var series = IsOneOfMany(alike, happened.Message) ? alike : alike with { Message = happened.Message };
        var count = _counts.Get(series) + 1;
        _counts.Set(series, count);
        return new EventStep(series, count, series == alike ? Combined + happened.Message : happened.Message);
    }

    /// <summary>The Event object of a series has been made anew.</summary>
    public void Restart(EventSeries series) => _counts.Set(series, 1);

    /// <summary>There is no Event object of a series: its next one is the first.</summary>
    public void Forget(EventSeries series) => _counts.Set(series, 0);

    private bool TakeFromBudget(string uid)
    {
        var now = time.GetTimestamp();
        var budget = _budgets.Get(uid) ?? new Budget(Burst, now);
        var tokens = Math.Min(Burst, budget.Tokens + (time.GetElapsedTime(budget.At, now) / Refill));
        _budgets.Set(uid, new Budget(tokens < 1 ? tokens : tokens - 1, now));
        return tokens >= 1;
    }

    private bool IsOneOfMany(EventSeries alike, string message)
    {
        var known = _similar.Get(alike);
        if (known is null || time.GetElapsedTime(known.Last) > Window)
        {
            known = new Similar();
        }

        known.Last = time.GetTimestamp();
        known.Messages.Add(message);
        _similar.Set(alike, known);
        if (known.Messages.Count <= MostMessages)
        {
            return false;
        }

        // More need not be told apart.
        known.Messages.Remove(message);
        return true;
    }

    private sealed record Budget(double Tokens, long At);

    private sealed class Similar
    {
        public HashSet<string> Messages { get; } = [];

        public long Last { get; set; }
    }
}
