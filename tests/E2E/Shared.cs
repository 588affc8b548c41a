using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using Xunit.v3;

[assembly: Slipway.Tests.E2E.EndsItsTurn]

namespace Slipway.Tests.E2E;

/// <summary>What the tests of this suite share, beside the pool: who strikes it has to say so, and who cannot bear that.</summary>
internal static class Shared
{
    /// <summary>What two cores bear. With more of them, what is to be met in the middle is over before it is seen.</summary>
    private const int Seats = 8;

    // The runner begins all tests at once, and they ask at once.
    private static readonly Turns Turns = new(Seats, Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System));
    private static readonly ConcurrentDictionary<string, (Part Part, Task<IDisposable> Turn)> Joined = new();
    private static readonly SemaphoreSlim Leadership = new(1, 1);

    /// <summary>
    /// Returns when it is this test's turn, which is over with the test. What a helper asks for is granted in a test that has said so, or
    /// more, before; one that has said less is wrong.
    /// </summary>
    public static async Task JoinAsync(Use @operator = Use.Bears, Use node = Use.Bears, bool isLong = false)
    {
        var part = new Part(@operator, node, isLong);
        var test = TestContext.Current.Test!.UniqueID;
        if (Joined.TryGetValue(test, out var said))
        {
            if (!said.Part.Covers(part)) throw new InvalidOperationException($"This test has begun with {said.Part} and now needs {part}: it has to say so before.");
            return;
        }

        var asked = TimeProvider.System.GetTimestamp();
        Joined[test] = (part, Turns.TakeAsync(part, TestContext.Current.CancellationToken));
        await Joined[test].Turn;
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"its turn after {TimeProvider.System.GetElapsedTime(asked).TotalSeconds:0} s"));
    }

    /// <summary>The test is over, well or badly, and with all that it has disposed of.</summary>
    public static void Leave(string test)
    {
        if (Joined.TryRemove(test, out var joined) && joined.Turn.IsCompletedSuccessfully) joined.Turn.Result.Dispose();
    }

    /// <summary>One at a time changes who leads, in turn: who has just done it comes after those that wait.</summary>
    public static async Task<IDisposable> ChangesLeaderAsync()
    {
        await Leadership.WaitAsync(TestContext.Current.CancellationToken);
        return new LeaderChange();
    }

    private sealed class LeaderChange : IDisposable
    {
        private int _isOver;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isOver, 1) == 0) Leadership.Release();
        }
    }
}

[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class EndsItsTurnAttribute : BeforeAfterTestAttribute
{
    public override void After(MethodInfo methodUnderTest, IXunitTest test) => Shared.Leave(test.UniqueID);
}
