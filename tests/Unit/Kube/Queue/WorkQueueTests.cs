using CsCheck;
using Slipway.Kube;
using Slipway.Kube.Queue;

namespace Slipway.Tests.Unit.Kube.Queue;

[Requirement("R11")]
public sealed class WorkQueueTests : IDisposable
{
    private static readonly Backoff FromOneSecond = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
    private readonly TestClock _clock = new();
    private readonly WorkQueue<string> _queue;

    public WorkQueueTests() => _queue = new WorkQueue<string>(_clock, FromOneSecond, () => 0);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _queue.Dispose();

    [Fact]
    public async Task Add_WhenTheKeyIsQueuedAlready_HandsItOutOnce()
    {
        _queue.Add("a");
        _queue.Add("a");
        _queue.Count.ShouldBe(1);
        (await TakeAsync()).ShouldBe("a");
        _queue.Done("a");
        NothingIsReady();
    }

    [Fact]
    public async Task Add_WhenTheKeyIsInFlight_ComesBackAtDoneAndNotBefore()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.Add("a");
        _queue.Add("a");
        NothingIsReady();
        _queue.Done("a");
        (await TakeAsync()).ShouldBe("a");
        _queue.Done("a");
        NothingIsReady();
    }

    [Fact]
    public async Task Done_WhenNothingWasAdded_DoesNotBringTheKeyBack()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.Done("a");
        NothingIsReady();
    }

    [Fact]
    public async Task TakeAsync_WhenTheQueueIsEmpty_WaitsForAnAdd()
    {
        var take = TakeAsync();
        take.IsCompleted.ShouldBeFalse();
        _queue.Add("a");
        (await take).ShouldBe("a");
    }

    [Fact]
    public async Task TakeAsync_WhenManyWait_GivesEachKeyToOne()
    {
        var takes = Enumerable.Range(0, 3).Select(_ => TakeAsync()).ToList();
        _queue.Add("a");
        _queue.Add("b");
        _queue.Add("c");
        (await Task.WhenAll(takes)).ShouldBe(["a", "b", "c"], ignoreOrder: true);
    }

    [Fact]
    public async Task TakeAsync_WhenCancelled_LosesNoKey()
    {
        using var cancel = new CancellationTokenSource();
        var take = _queue.TakeAsync(cancel.Token);
        await cancel.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(take);
        _queue.Add("a");
        (await TakeAsync()).ShouldBe("a");
    }

    [Fact]
    public async Task AddAfter_WhenTheTimeHasCome_AddsTheKey()
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.Count.ShouldBe(0, "a key that waits is not ready");
        _clock.Advance(TimeSpan.FromSeconds(9));
        NothingIsReady();
        _clock.Advance(TimeSpan.FromSeconds(1));
        (await TakeAsync()).ShouldBe("a");
    }

    [Theory]
    [InlineData(10, 5)]
    [InlineData(5, 10)]
    public void AddAfter_WhenTheKeyWaitsAlready_KeepsTheEarlierTime(int first, int second)
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(first));
        _queue.AddAfter("a", TimeSpan.FromSeconds(second));
        _clock.Advance(TimeSpan.FromSeconds(5));
        _queue.Count.ShouldBe(1);
        _clock.Advance(TimeSpan.FromSeconds(10));
        _queue.Count.ShouldBe(1, "one wait, one turn");
    }

    [Fact]
    public async Task Add_WhenTheKeyWaits_OvertakesTheWait()
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.Add("a");
        (await TakeAsync()).ShouldBe("a");
        _queue.Done("a");
        _clock.Advance(TimeSpan.FromSeconds(20));
        NothingIsReady();
    }

    [Fact]
    public void AddAfter_WhenTheKeyIsReady_ChangesNothing()
    {
        _queue.Add("a");
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.Count.ShouldBe(1);
    }

    [Fact]
    public async Task AddAfter_WhenTheTimeComesInFlight_ComesBackAtDone()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _clock.Advance(TimeSpan.FromSeconds(10));
        NothingIsReady();
        _queue.Done("a");
        (await TakeAsync()).ShouldBe("a");
    }

    [Fact]
    public void AddAfter_WhenThereIsNothingToWaitFor_AddsAtOnce()
    {
        _queue.AddAfter("a", TimeSpan.Zero);
        _queue.AddAfter("b", TimeSpan.FromSeconds(-1));
        _queue.Count.ShouldBe(2);
    }

    [Fact]
    public async Task AddAfter_WhenManyWait_ReleasesThemInOrderOfTime()
    {
        _queue.AddAfter("late", TimeSpan.FromSeconds(30));
        _queue.AddAfter("soon", TimeSpan.FromSeconds(10));
        _queue.AddAfter("between", TimeSpan.FromSeconds(20));
        _clock.Advance(TimeSpan.FromSeconds(30));
        new[] { await TakeAsync(), await TakeAsync(), await TakeAsync() }.ShouldBe(["soon", "between", "late"]);
    }

    [Fact]
    public void AddAfter_WhenTheWaitIsLongerThanATimerMayBe_WaitsAllTheSame()
    {
        _queue.AddAfter("a", TimeSpan.FromDays(60));
        _clock.Advance(TimeSpan.FromDays(59));
        NothingIsReady();
        _clock.Advance(TimeSpan.FromDays(1));
        _queue.Count.ShouldBe(1);
    }

    // Nothing polls: with nothing due there is no timer but the one that the queue keeps.
    [Fact]
    public async Task AddAfter_WhenTimePasses_WakesNobodyBeforeTheTime()
    {
        await _clock.TimerAsync(Timeout.InfiniteTimeSpan);
        _queue.AddAfter("a", TimeSpan.FromHours(1));
        _clock.Advance(TimeSpan.FromMinutes(59));
        _queue.Count.ShouldBe(0);
        _clock.Advance(TimeSpan.FromMinutes(1));
        _queue.Count.ShouldBe(1);
    }

    [Requirement("R13", "ops: five tries")]
    [Fact]
    public async Task AddRateLimited_WhenAKeyFailsForEver_DoublesTheWaitToItsLimitAndNeverGivesUp()
    {
        foreach (var seconds in new[] { 1, 2, 4, 8, 16, 32, 60, 60, 60, 60 })
        {
            _queue.AddRateLimited("a");
            _clock.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            NothingIsReady();
            _clock.Advance(TimeSpan.FromMilliseconds(1));
            await TakeAsync();
            _queue.Done("a");
        }

        _queue.NumRequeues("a").ShouldBe(10);
    }

    [Fact]
    public void Forget_WhenAKeySucceeded_StartsItsBackoffAnew()
    {
        _queue.AddRateLimited("a");
        _queue.AddRateLimited("a");
        _queue.Forget("a");
        _queue.NumRequeues("a").ShouldBe(0);
        _clock.Advance(TimeSpan.FromSeconds(1));
        _queue.Count.ShouldBe(1, "what waits still waits");
    }

    [Fact]
    public void AddRateLimited_WhenAnotherKeyFails_IsNotSlowedByIt()
    {
        for (var i = 0; i < 5; i++)
        {
            _queue.AddRateLimited("bad");
        }

        _queue.AddRateLimited("good");
        _clock.Advance(TimeSpan.FromSeconds(1));
        _queue.Count.ShouldBe(2);
    }

    [Fact]
    public void AddRateLimited_WhenGivenALeast_WaitsTheLongerOfTheTwo()
    {
        _queue.AddRateLimited("a", TimeSpan.FromSeconds(30));
        _clock.Advance(TimeSpan.FromSeconds(29));
        _queue.Count.ShouldBe(0);
        _clock.Advance(TimeSpan.FromSeconds(1));
        _queue.Count.ShouldBe(1);
    }

    [Fact]
    public async Task ShutDown_WhenKeysAreQueuedAndInFlight_HandsOutNothingNew()
    {
        _queue.Add("flying");
        await TakeAsync();
        _queue.Add("queued");
        _queue.AddAfter("waiting", TimeSpan.FromSeconds(1));
        var waiter = _queue.TakeAsync(Token);
        await waiter.Soon();
        var blocked = _queue.TakeAsync(Token);
        _queue.ShutDown();

        (await blocked.Soon()).ShutDown.ShouldBeTrue("who waits is let go");
        _queue.Add("new");
        _queue.Add("flying");
        _queue.Done("flying");
        _clock.Advance(TimeSpan.FromSeconds(1));
        (await _queue.TakeAsync(Token).Soon()).ShutDown.ShouldBeTrue();
    }

    [Fact]
    public async Task ShutDown_WhenKeysAreReady_DropsThem()
    {
        _queue.Add("a");
        _queue.ShutDown();
        (await _queue.TakeAsync(Token).Soon()).ShutDown.ShouldBeTrue();
    }

    private enum Op
    {
        Add,
        AddAfter,
        AddRateLimited,
        Take,
        Done,
        Advance,
    }

    // Against a model that is too simple to be wrong: a key wants a pass from an add until it is handed out.
    [Fact]
    public void Any_WhenOperationsComeInAnyOrder_NoKeyRunsTwiceAtOnceAndNoneIsLost() =>
        Gen.Select(Gen.Enum<Op>(), Gen.Int[0, 3], Gen.Int[0, 5]).Array[0, 60].Sample(operations =>
        {
            var clock = new TestClock();
            using var queue = new WorkQueue<int>(clock, FromOneSecond, () => 0);
            var (wanting, running) = (new HashSet<int>(), new HashSet<int>());
            foreach (var (operation, key, seconds) in operations)
            {
                Apply(operation, key, seconds, queue, clock, wanting, running);
            }

            // At the end every wait is over and every worker free: whatever wanted a pass gets one, and nothing else does.
            running.ToList().ForEach(queue.Done);
            running.Clear();
            clock.Advance(TimeSpan.FromHours(1));
            while (queue.Count > 0)
            {
                Take(queue, wanting, running);
            }

            return wanting.Count == 0;
        });

    [Fact(Timeout = 60_000)]
    public async Task Any_WhenManyThreadsAddAndTake_NoKeyRunsTwiceAtOnceAndNoneIsLost()
    {
        const int Keys = 8;
        using var queue = new WorkQueue<int>(TimeProvider.System, new Backoff(TimeSpan.Zero, TimeSpan.Zero), () => 0);
        var (latest, seen, running) = (new int[Keys], new int[Keys], new int[Keys]);
        var workers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (await queue.TakeAsync(Token) is { ShutDown: false, Key: var key })
            {
                Interlocked.Increment(ref running[key]).ShouldBe(1);
                Volatile.Write(ref seen[key], Volatile.Read(ref latest[key]));
                Interlocked.Decrement(ref running[key]);
                queue.Done(key);
            }
        })).ToList();
        await Task.WhenAll(Enumerable.Range(0, 3).Select(producer => Task.Run(() =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                var key = ((i * 7) + producer) % Keys;
                Interlocked.Increment(ref latest[key]);
                queue.Add(key);
            }
        }, Token)));

        // The last turn of each key comes after its last change.
        while (!seen.SequenceEqual(latest))
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        queue.ShutDown();
        await Task.WhenAll(workers).Soon();
    }

    private static void Apply(
        Op operation, int key, int seconds, WorkQueue<int> queue, TestClock clock, HashSet<int> wanting, HashSet<int> running)
    {
        switch (operation)
        {
            case Op.Add:
                queue.Add(key);
                wanting.Add(key);
                break;
            case Op.AddAfter:
                queue.AddAfter(key, TimeSpan.FromSeconds(seconds));
                wanting.Add(key);
                break;
            case Op.AddRateLimited:
                queue.AddRateLimited(key);
                wanting.Add(key);
                break;
            case Op.Take when queue.Count > 0:
                Take(queue, wanting, running);
                break;
            case Op.Done when running.Remove(key):
                queue.Done(key);
                break;
            case Op.Advance:
                clock.Advance(TimeSpan.FromSeconds(seconds));
                break;
        }
    }

    private static void Take(WorkQueue<int> queue, HashSet<int> wanting, HashSet<int> running)
    {
        var take = queue.TakeAsync(CancellationToken.None);
        take.IsCompletedSuccessfully.ShouldBeTrue("a ready key is handed out at once");
        running.Add(take.Result.Key).ShouldBeTrue("the key is in flight already");
        wanting.Remove(take.Result.Key).ShouldBeTrue("nobody wanted this pass");
    }

    private async Task<string> TakeAsync() => (await _queue.TakeAsync(Token).Soon()).Key;

    private void NothingIsReady() => _queue.Count.ShouldBe(0);
}
