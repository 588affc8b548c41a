namespace Slipway.Scheduling;

/// <summary>Whose turn it is: the namespace that runs least; within it the highest priority, then the oldest build.</summary>
internal static class FairQueue
{
    /// <summary>
    /// A step of priority counts as much as having waited this much longer, so that whoever waits long enough passes whatever came later.
    /// A build of priority 0 is passed by those of 1000 for three and a half days at most.
    /// </summary>
    public static readonly TimeSpan AgeingStep = TimeSpan.FromMinutes(5);

    private static readonly Comparer<SlotRequest> ByAge = Comparer<SlotRequest>.Create((one, other) =>
        one.Created.CompareTo(other.Created) is var age and not 0 ? age : string.CompareOrdinal(one.Build.ToString(), other.Build.ToString()));

    private static readonly Comparer<SlotRequest> ByTurn = Comparer<SlotRequest>.Create((one, other) =>
        Turn(one).CompareTo(Turn(other)) is var turn and not 0 ? turn : ByAge.Compare(one, other));

    /// <summary>
    /// Offers a builder to every build in its turn. One that does not take it waits on, and the next one is asked. A namespace is
    /// represented by its best build; of two that run as many, the one goes first whose best build is older.
    /// </summary>
    /// <param name="waiting">Who waits.</param>
    /// <param name="running">How many builds run, by namespace.</param>
    /// <param name="takes">Whether the build takes a builder; from then on it counts as running.</param>
    public static void Serve(IEnumerable<SlotRequest> waiting, IReadOnlyDictionary<string, int> running, Func<SlotRequest, bool> takes)
    {
        var turns = new PriorityQueue<Share, Share>(waiting
            .GroupBy(request => request.Build.Namespace, StringComparer.Ordinal)
            .Select(space => new Share(running.GetValueOrDefault(space.Key), new Queue<SlotRequest>(space.Order(ByTurn))))
            .Select(share => (share, share)));
        while (turns.TryDequeue(out var share, out _))
        {
            var taken = takes(share.Waiting.Dequeue());
            var rest = taken ? share with { Running = share.Running + 1 } : share;
            if (rest.Waiting.Count > 0) turns.Enqueue(rest, rest);
        }
    }

    /// <summary>When a build of priority 0 would have been made that goes at the same time.</summary>
    private static long Turn(SlotRequest request) => request.Created.Ticks - request.Priority * AgeingStep.Ticks;

    /// <summary>What one namespace has, and what it waits for, the best first.</summary>
    private sealed record Share(int Running, Queue<SlotRequest> Waiting) : IComparable<Share>
    {
        public int CompareTo(Share? other) => Running.CompareTo(other!.Running) is var fewer and not 0 ? fewer : ByAge.Compare(Waiting.Peek(), other.Waiting.Peek());
    }
}
