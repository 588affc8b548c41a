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
    public async Task Add_WhenTheKeyIsDone_HandsItOutAgain()
    {
        for (var turn = 0; turn < 3; turn++)
        {
            _queue.Add("a");
            (await TakeAsync()).ShouldBe("a");
            _queue.Done("a");
        }
    }

    [Fact]
    public async Task TakeAsync_WhenSeveralKeysAreReady_KeepsTheOrderInWhichTheyCame()
    {
        string[] keys = ["c", "a", "d", "b"];
        foreach (var key in keys)
        {
            _queue.Add(key);
        }

        _queue.Add("c");
        new[] { await TakeAsync(), await TakeAsync(), await TakeAsync(), await TakeAsync() }.ShouldBe(keys);
    }

    [Fact]
    public async Task Done_WhenADirtyKeyComesBack_StandsBehindThoseThatWaitAlready()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.Add("a");
        _queue.Add("b");
        _queue.Done("a");
        new[] { await TakeAsync(), await TakeAsync() }.ShouldBe(["b", "a"]);
    }

    [Fact]
    public void Done_WhenTheKeyIsNotInFlight_IsHarmless()
    {
        _queue.Done("unknown");
        _queue.Add("a");
        _queue.Done("a");
        _queue.Count.ShouldBe(1);
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
    public async Task AddAfter_WhenTheKeyIsInFlight_WaitsPastItsDone()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.Done("a");
        NothingIsReady();
        _clock.Advance(TimeSpan.FromSeconds(10));
        (await TakeAsync()).ShouldBe("a");
    }

    [Fact]
    public async Task AddAfter_WhenTheKeyIsDirty_BringsItBackOnce()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.Add("a");
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.Done("a");
        (await TakeAsync()).ShouldBe("a");
        _queue.Done("a");
        _clock.Advance(TimeSpan.FromSeconds(10));
        NothingIsReady();
    }

    [Fact]
    public async Task Add_WhenAKeyInFlightWaits_OvertakesThatWaitToo()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.Add("a");
        _queue.Done("a");
        (await TakeAsync()).ShouldBe("a");
        _queue.Done("a");
        _clock.Advance(TimeSpan.FromSeconds(10));
        NothingIsReady();
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

    [Requirement("R11", "ops: polling")]
    [Fact]
    public void AddAfter_WhenTimePasses_WakesNobodyBeforeTheTime()
    {
        _clock.Advance(TimeSpan.FromHours(1));
        _clock.Fired.ShouldBe(0, "nothing waits yet");
        _queue.AddAfter("a", TimeSpan.FromHours(1));
        _queue.AddAfter("b", TimeSpan.FromHours(2));
        _clock.Advance(TimeSpan.FromMinutes(59));
        (_queue.Count, _clock.Fired).ShouldBe((0, 0));
        _clock.Advance(TimeSpan.FromMinutes(1));
        (_queue.Count, _clock.Fired).ShouldBe((1, 1));
        _clock.Advance(TimeSpan.FromHours(1));
        (_queue.Count, _clock.Fired).ShouldBe((2, 2));
        _clock.Advance(TimeSpan.FromHours(10));
        _clock.Fired.ShouldBe(2, "with nothing due, nothing wakes");
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
    public void NumRequeues_AsAKeyFails_CountsUpAndAnotherKeysStaysAtNone()
    {
        _queue.NumRequeues("a").ShouldBe(0);
        _queue.AddRateLimited("a");
        _queue.AddRateLimited("a");
        (_queue.NumRequeues("a"), _queue.NumRequeues("b")).ShouldBe((2, 0));
        _clock.Advance(TimeSpan.FromSeconds(1));
        _queue.Count.ShouldBe(1, "the first wait, the shorter of the two, counts");
        _queue.Forget("b");
    }

    [Requirement("R13")]
    [Requirement("R25")]
    [Fact]
    public void AddRateLimited_WhenChanceHasItsSay_WaitsThatMuchLonger()
    {
        using var queue = new WorkQueue<string>(_clock, FromOneSecond, () => 0.5);
        queue.AddRateLimited("a");
        _clock.Advance(TimeSpan.FromMilliseconds(1049));
        queue.Count.ShouldBe(0);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        queue.Count.ShouldBe(1);
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
    public void AddRateLimited_WhenGivenAMost_WaitsNoLongerAndCountsAllTheSame()
    {
        for (var failure = 0; failure < 6; failure++)
        {
            _queue.AddRateLimited("other");
            _queue.AddRateLimited("a", atMost: TimeSpan.FromSeconds(2));
        }

        _queue.NumRequeues("a").ShouldBe(6);
        _clock.Advance(TimeSpan.FromSeconds(2));
        _queue.Count.ShouldBe(2);
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

    [Fact]
    public async Task ShutDown_WhenAKeyInFlightIsDirty_LetsItFinishAndNotComeBack()
    {
        _queue.Add("a");
        await TakeAsync();
        _queue.Add("a");
        _queue.ShutDown();
        _queue.IsIdle.ShouldBeFalse("it is still in flight");
        _queue.Done("a");
        _queue.IsIdle.ShouldBeTrue();
        (await _queue.TakeAsync(Token).Soon()).ShutDown.ShouldBeTrue();
    }

    [Fact]
    public async Task ShutDown_WhenKeysComeLater_TakesNoneIn()
    {
        _queue.ShutDown();
        _queue.ShutDown();
        _queue.Add("a");
        _queue.AddAfter("b", TimeSpan.FromSeconds(1));
        _queue.AddRateLimited("c");
        _clock.Advance(TimeSpan.FromMinutes(1));
        NothingIsReady();
        (await _queue.TakeAsync(Token).Soon()).ShutDown.ShouldBeTrue();
    }

    [Fact]
    public async Task ShutDown_WhenManyWaitForAKey_LetsAllOfThemGo()
    {
        var takes = Enumerable.Range(0, 4).Select(_ => _queue.TakeAsync(Token)).ToList();
        _queue.ShutDown();
        (await Task.WhenAll(takes).Soon()).ShouldAllBe(take => take.ShutDown);
    }

    // Ten thousand finished builds at a start, and one new one.
    [Fact]
    public async Task AddLowPriority_WhenOthersAreReady_ComesAfterThem()
    {
        _queue.AddLowPriority("old");
        _queue.AddLowPriority("older");
        _queue.Add("new");
        (await TakeAsync()).ShouldBe("new");
        (await TakeAsync()).ShouldBe("old");
        (await TakeAsync()).ShouldBe("older");
        NothingIsReady();
    }

    [Fact]
    public async Task Add_WhenTheKeyIsQueuedWithLowPriority_OvertakesThat()
    {
        _queue.AddLowPriority("a");
        _queue.AddLowPriority("b");
        _queue.Add("b");
        _queue.Count.ShouldBe(2);
        (await TakeAsync()).ShouldBe("b");
        (await TakeAsync()).ShouldBe("a");
        _queue.Done("b");
        NothingIsReady();
    }

    [Fact]
    public async Task AddLowPriority_WhenTheKeyIsQueuedOrInFlight_ChangesNothingForIt()
    {
        _queue.Add("a");
        _queue.AddLowPriority("a");
        _queue.Count.ShouldBe(1);
        await TakeAsync();
        _queue.AddLowPriority("a");
        NothingIsReady();
        _queue.Done("a");
        (await TakeAsync()).ShouldBe("a");
    }

    // Or a process that is always busy would never look at what it found.
    [Fact]
    public async Task AddLowPriority_WhenTheQueueIsNeverEmpty_HasItsTurnAllTheSame()
    {
        _queue.AddLowPriority("old");
        var turns = new List<string>();
        for (var turn = 0; turn < 20; turn++)
        {
            _queue.Add($"new {turn}");
            turns.Add(await TakeAsync());
        }

        turns.IndexOf("old").ShouldBeInRange(1, 10);
    }

    private enum Op
    {
        Add,
        AddLowPriority,
        AddAfter,
        AddRateLimited,
        Forget,
        Take,
        Done,
        Advance,
    }

    // Against a model that is too simple to be wrong: a key wants a pass, and from when on, until it is handed out.
    [Fact]
    public void Any_WhenOperationsComeInAnyOrder_NoKeyRunsTwiceAtOnceOrTooEarlyAndNoneIsLost() =>
        Gen.Select(Gen.Enum<Op>(), Gen.Int[0, 3], Gen.Int[0, 5]).Array[0, 60].Sample(operations =>
        {
            using var model = new Model();
            foreach (var (operation, key, seconds) in operations)
            {
                model.Apply(operation, key, TimeSpan.FromSeconds(seconds));
                model.ReadyAsItShouldBe().ShouldBeTrue();
            }

            return model.EndsWithNothingLost();
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

    private async Task<string> TakeAsync() => (await _queue.TakeAsync(Token).Soon()).Key;

    private void NothingIsReady() => _queue.Count.ShouldBe(0);

    private sealed class Model : IDisposable
    {
        private readonly TestClock _clock = new();
        private readonly WorkQueue<int> _queue;
        private readonly Dictionary<int, DateTimeOffset> _wanting = [];
        private readonly Dictionary<int, int> _failures = [];
        private readonly HashSet<int> _running = [];

        public Model() => _queue = new WorkQueue<int>(_clock, FromOneSecond, () => 0);

        private DateTimeOffset Now => _clock.GetUtcNow();

        public void Dispose() => _queue.Dispose();

        public void Apply(Op operation, int key, TimeSpan time)
        {
            switch (operation)
            {
                case Op.Add:
                    _queue.Add(key);
                    Want(key, TimeSpan.Zero);
                    break;
                case Op.AddLowPriority:
                    _queue.AddLowPriority(key);
                    Want(key, TimeSpan.Zero);
                    break;
                case Op.AddAfter:
                    _queue.AddAfter(key, time);
                    Want(key, time);
                    break;
                case Op.AddRateLimited:
                    _queue.AddRateLimited(key);
                    _failures[key] = _failures.GetValueOrDefault(key) + 1;
                    Want(key, FromOneSecond.Delay(_failures[key], 0));
                    break;
                case Op.Forget:
                    _queue.Forget(key);
                    _failures.Remove(key);
                    break;
                case Op.Take when _queue.Count > 0:
                    Take();
                    break;
                case Op.Done when _running.Remove(key):
                    _queue.Done(key);
                    break;
                case Op.Advance:
                    _clock.Advance(time);
                    break;
            }
        }

        public bool ReadyAsItShouldBe() => _queue.Count == _wanting.Count(wanted => wanted.Value <= Now && !_running.Contains(wanted.Key));

        /// <summary>Every wait is over and every worker free: whatever wanted a pass gets one, and nothing else does.</summary>
        public bool EndsWithNothingLost()
        {
            _running.ToList().ForEach(_queue.Done);
            _running.Clear();
            _clock.Advance(TimeSpan.FromHours(1));
            while (_queue.Count > 0)
            {
                Take();
            }

            return _wanting.Count == 0;
        }

        private void Want(int key, TimeSpan after) =>
            _wanting[key] = _wanting.TryGetValue(key, out var due) && due < Now + after ? due : Now + after;

        private void Take()
        {
            var take = _queue.TakeAsync(CancellationToken.None);
            take.IsCompletedSuccessfully.ShouldBeTrue("a ready key is handed out at once");
            _running.Add(take.Result.Key).ShouldBeTrue("the key is in flight already");
            _wanting.Remove(take.Result.Key, out var due).ShouldBeTrue("nobody wanted this pass");
            due.ShouldBeLessThanOrEqualTo(Now);
        }
    }
}
