namespace Slipway.Scheduling;

/// <summary>Whose turn it is: the namespace that runs least, then the one that was served longest ago; within it the highest priority, then the oldest build.</summary>
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
    /// represented by its best build. Of two that run as many, the one goes first that got a builder longer ago, or a single slot would
    /// always go to the longer queue; then the one whose best build is older.
    /// </summary>
    /// <param name="waiting">Who waits.</param>
    /// <param name="running">How many builds run, by namespace.</param>
    /// <param name="served">When a namespace got a builder last, as a number that grows; it may grow with each that is taken.</param>
    /// <param name="takes">Whether the build takes a builder; from then on it counts as running.</param>
    public static void Serve(
        IEnumerable<SlotRequest> waiting, IReadOnlyDictionary<string, int> running, IReadOnlyDictionary<string, long> served, Func<SlotRequest, bool> takes)
    {
        var turns = new PriorityQueue<Share, Share>(waiting
            .GroupBy(request => request.Build.Namespace, StringComparer.Ordinal)
            .Select(space => new Share(running.GetValueOrDefault(space.Key), served.GetValueOrDefault(space.Key), new Queue<SlotRequest>(space.Order(ByTurn))))
            .Select(share => (share, share)));
        while (turns.TryDequeue(out var share, out _))
        {
            var build = share.Waiting.Dequeue();
            var rest = takes(build) ? share with { Running = share.Running + 1, Served = served.GetValueOrDefault(build.Build.Namespace) } : share;
            if (rest.Waiting.Count > 0) turns.Enqueue(rest, rest);
        }
    }

    /// <summary>When a build of priority 0 would have been made that goes at the same time.</summary>
    private static long Turn(SlotRequest request) => request.Created.Ticks - request.Priority * AgeingStep.Ticks;

    /// <summary>What one namespace has, and what it waits for, the best first.</summary>
    private sealed record Share(int Running, long Served, Queue<SlotRequest> Waiting) : IComparable<Share>
    {
        public int CompareTo(Share? other) =>
            Running.CompareTo(other!.Running) is var fewer and not 0 ? fewer
            : Served.CompareTo(other.Served) is var earlier and not 0 ? earlier
            : ByAge.Compare(Waiting.Peek(), other.Waiting.Peek());
    }
}
