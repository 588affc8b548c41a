namespace Slipway.Tests;

/// <summary>What a test does to something that others use too.</summary>
internal enum Use
{
    /// <summary>Whatever others do to it.</summary>
    Bears,

    /// <summary>It has to stay as it is.</summary>
    CountsOn,

    /// <summary>It strikes it, and bears others that do.</summary>
    Strikes,

    /// <summary>It strikes it, and nobody else may, or count on it.</summary>
    HasAlone,
}

/// <summary>What a test does to the operator and to the second node, which all tests share.</summary>
/// <param name="Operator">To the first.</param>
/// <param name="Node">To the second.</param>
/// <param name="IsLong">It waits for minutes: begun last, it ends the run by itself.</param>
internal readonly record struct Part(Use Operator, Use Node, bool IsLong = false)
{
    public IReadOnlyList<Use> Uses => [Operator, Node];

    /// <summary>
    /// Long, and in the way of most: they begin as early as they can, the operator's before the node's, and those that bear each other before
    /// who has it alone. Who counts on the operator has waited for the first of these, and is longer than who bears them.
    /// </summary>
    public int Rank => Operator switch { Use.Strikes => 0, Use.HasAlone => 1, _ => Node >= Use.Strikes ? 2 : IsLong ? 3 : Operator == Use.CountsOn ? 4 : 5 };

    public bool Covers(Part asked) => Uses.Zip(asked.Uses).All(of => of.Second == Use.Bears || of.First == of.Second || of.First == Use.HasAlone);
}

/// <summary>
/// Whose turn it is. A test says all that it does before it begins, and begins once a seat is free and no other that has one is in its
/// way: none holds something while it waits for something else. Who waits for something keeps those out of it that come after him.
/// </summary>
/// <param name="seats">So many at once.</param>
/// <param name="gathered">Ends when all have asked that do so at the start: who begins is chosen among them.</param>
internal sealed class Turns(int seats, Task gathered)
{
    private readonly Lock _lock = new();
    private readonly List<Turn> _waiting = [];
    private readonly List<Turn> _going = [];

    public IReadOnlyList<Part> Going
    {
        get
        {
            lock (_lock) return [.. _going.Select(turn => turn.Part)];
        }
    }

    /// <summary>Returns when it is its turn; the turn ends when it is disposed of.</summary>
    public async Task<IDisposable> TakeAsync(Part part, CancellationToken token)
    {
        var turn = new Turn(this, part);
        lock (_lock) _waiting.Add(turn);
        await gathered;
        Admit();
        await turn.Came.WaitAsync(token);
        return turn;
    }

    private void Admit()
    {
        lock (_lock)
        {
            var claims = new List<(int Thing, Use Use)>();
            foreach (var turn in _waiting.OrderBy(turn => turn.Part.Rank).ToList())
            {
                if (_going.Count == seats) return;
                if (claims.Any(claim => !GoTogether(claim.Use, turn.Part.Uses[claim.Thing]))) continue;
                if (ThingInUse(turn.Part) is { } thing)
                {
                    claims.Add((thing, turn.Part.Uses[thing]));
                    continue;
                }

                _waiting.Remove(turn);
                _going.Add(turn);
                turn.Come();
            }
        }
    }

    /// <summary>The first that others use in a way that does not go with this.</summary>
    private int? ThingInUse(Part part) => Enumerable.Range(0, part.Uses.Count).Cast<int?>().FirstOrDefault(thing => _going.Exists(other => !GoTogether(other.Part.Uses[thing!.Value], part.Uses[thing.Value])));

    private static bool GoTogether(Use one, Use other) => one == Use.Bears || other == Use.Bears || (one == other && one != Use.HasAlone);

    private sealed class Turn(Turns turns, Part part) : IDisposable
    {
        // Who waits goes on in a thread of his own, not in that of who leaves.
        private readonly TaskCompletionSource _came = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Part Part => part;

        public Task Came => _came.Task;

        public void Come() => _came.SetResult();

        public void Dispose()
        {
            lock (turns._lock)
            {
                if (!turns._going.Remove(this)) return;
            }

            turns.Admit();
        }
    }
}
