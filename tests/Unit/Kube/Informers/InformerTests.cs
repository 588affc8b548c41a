using System.Text.Json.Nodes;
using System.Threading.Channels;
using k8s.Models;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Informers;
using Slipway.Kube.Telemetry;

namespace Slipway.Tests.Unit.Kube.Informers;

public sealed class InformerTests : IAsyncLifetime
{
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromSeconds(0.8);
    private static readonly NamespacedName A = new("ns", "a");
    private static readonly NamespacedName B = new("ns", "b");

    private readonly TestClock _clock = new();
    private readonly ListLogger<Informer<Widget>> _log = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<(Widget? Old, Widget? New)> _changes = Channel.CreateUnbounded<(Widget?, Widget?)>();
    private Store<Widget> _store = new([]);
    private ScriptedApiServer _server = null!;
    private KubeClient _client = null!;
    private Informer<Widget> _informer = null!;
    private Task _run = Task.CompletedTask;

    public async ValueTask InitializeAsync() => _server = await ScriptedApiServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.Soon();
        _client?.Dispose();
        await _server.DisposeAsync();
        _stop.Dispose();
    }

    [Requirement("R2")]
    [Fact]
    public async Task Run_WhenListHasThreePages_StoresThemAllAfterTheLast()
    {
        Start();
        var first = await _server.NextListAsync();
        first.Path.ShouldBe("/apis/test.dev/v1/widgets");
        first.Query["limit"].ToString().ShouldBe("500");
        first.Query.ContainsKey("resourceVersion").ShouldBeFalse("only a list without a version is consistent");
        await first.AnswerAsync(Widget.List("7", "two", Widget.Named("a")));
        var second = await _server.NextListAsync();
        second.Query["continue"].ToString().ShouldBe("two");
        _store.List().ShouldBeEmpty("a page says nothing of what stands on the others");
        await second.AnswerAsync(Widget.List("7", "three", Widget.Named("b")));
        var third = await _server.NextListAsync();
        third.Query["continue"].ToString().ShouldBe("three");
        await third.AnswerAsync(Widget.List("7", null, Widget.Named("c")));

        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("7");
        _store.List().Select(widget => widget.Metadata.Name).ShouldBe(["a", "b", "c"], ignoreOrder: true);
    }

    [Requirement("R2")]
    [Fact]
    public async Task Run_WhenContinueExpiresOnPageTwo_ListsFromTheStart()
    {
        Start();
        await (await _server.NextListAsync()).AnswerAsync(Widget.List("7", "two", Widget.Named("gone")));
        await (await _server.NextListAsync()).FailAsync(410, "Expired");
        await _clock.PassAsync(FirstBackoff);

        var again = await _server.NextListAsync();
        again.Query.ContainsKey("continue").ShouldBeFalse();
        await again.AnswerAsync(Widget.List("9", null, Widget.Named("a")));
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("9");
        _store.List().Single().Metadata.Name.ShouldBe("a");
    }

    [Requirement("R2", "ops#675")]
    [Fact]
    public async Task Run_WhenObjectsChangeWhileDisconnected_TellsTheDifference()
    {
        Start();
        var watch = await ListAndWatchAsync("10", Widget.Named("a", 1), Widget.Named("b", 2), Widget.Named("c", 3));
        await watch.SendAsync("ERROR", Exchange.Status(410, "Expired"));
        await _clock.PassAsync(FirstBackoff);
        await (await _server.NextListAsync()).AnswerAsync(Widget.List("20", null, Widget.Named("b", 2), Widget.Named("c", 15), Widget.Named("d", 16)));
        await _server.NextWatchAsync();

        Told().ShouldBe(["+a", "+b", "+c", "-a", "c", "+d"], "a is gone, b is as it was, c has changed, d is new");
    }

    [Requirement("R2", "yarp: deletes in the page loop", "yarp: no continue")]
    [Fact]
    public async Task Run_WhenANewListHasPages_TellsNoDeletionOfWhatStandsOnALaterOne()
    {
        Start();
        var watch = await ListAndWatchAsync("10", Widget.Named("a", 1), Widget.Named("b", 2));
        await watch.SendAsync("ERROR", Exchange.Status(410, "Expired"));
        await _clock.PassAsync(FirstBackoff);
        await (await _server.NextListAsync()).AnswerAsync(Widget.List("20", "two", Widget.Named("a", 1)));
        var second = await _server.NextListAsync();
        second.Query["continue"].ToString().ShouldBe("two");
        Told().ShouldBe(["+a", "+b"], "what the first list told, and nothing since");
        _store.Get(B).ShouldNotBeNull();
        await second.AnswerAsync(Widget.List("20", null, Widget.Named("b", 2)));
        await _server.NextWatchAsync();
        Told().ShouldBeEmpty();
    }

    [Requirement("R3", "ops: version of bookmarks alone")]
    [Fact]
    public async Task Run_WhenWatchClosesCleanly_ReopensAtOnceFromTheLastEvent()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        await watch.SendAsync("ADDED", Widget.Named("a", 11).Json());
        await watch.SendAsync("MODIFIED", Widget.Named("a", 12).Json());
        await NextChangeAsync();
        await NextChangeAsync();
        _clock.Advance(TimeSpan.FromMinutes(4));
        watch.Finish();

        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("12");
    }

    [Requirement("R3")]
    [Fact]
    public async Task Run_WhenBookmarkCame_ResumesFromItAndTellsNobody()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        await watch.SendAsync("BOOKMARK", Bookmark("50"));
        await watch.SendAsync("DELETED", Widget.Named("unknown", 40).Json());
        await watch.SendAsync("BOOKMARK", Bookmark("51"));
        _clock.Advance(TimeSpan.FromMinutes(4));
        watch.Finish();

        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("51");
        Told().ShouldBeEmpty();
    }

    [Requirement("R3", "ops#585", "ops#482")]
    [Fact]
    public async Task Run_WhenConnectionKeepsBreaking_WaitsTwiceAsLongEachTime()
    {
        Start();
        (await ListAndWatchAsync("10")).Break();
        foreach (var seconds in new[] { 0.8, 1.6, 3.2 })
        {
            await _clock.PassAsync(TimeSpan.FromSeconds(seconds));
            var watch = await _server.NextWatchAsync();
            watch.Query["resourceVersion"].ToString().ShouldBe("10");
            watch.Break();
        }

        await _clock.PassAsync(TimeSpan.FromSeconds(6.4));
        var healthy = await (await _server.NextWatchAsync()).OpenAsync();
        await healthy.SendAsync("BOOKMARK", Bookmark("11"));
        _clock.Advance(TimeSpan.FromMinutes(2.1));
        healthy.Break();
        await _clock.PassAsync(FirstBackoff);
        await _server.NextWatchAsync();
    }

    [Requirement("R3")]
    [Fact]
    public async Task Run_WhenTheServerIsAway_DoublesItsWaitTo30SecondsAndAddsAShareByChance()
    {
        Start(options => options.Jitter = () => 0.5);
        foreach (var seconds in new[] { 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30 })
        {
            (await _server.NextListAsync()).Break();
            await _clock.PassAsync(TimeSpan.FromSeconds(seconds * 1.5));
        }
    }

    [Requirement("R3")]
    [Fact]
    public async Task Run_WhenAWatchBreaksWithinTwoMinutes_WaitsLongerThanTheLastTime()
    {
        Start();
        (await ListAndWatchAsync("10")).Break();
        await _clock.PassAsync(FirstBackoff);
        var watch = await _server.NextWatchAsync();
        _clock.Advance(TimeSpan.FromMinutes(1.9));
        watch.Break();
        await _clock.PassAsync(FirstBackoff * 2);
        await _server.NextWatchAsync();
    }

    [Requirement("R3")]
    [Fact]
    public async Task Run_WhenWatchHasLivedForASecond_ReopensItAtOnce()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        _clock.Advance(TimeSpan.FromSeconds(1));
        watch.Finish();
        await _server.NextWatchAsync();
    }

    [Requirement("R3")]
    [Fact]
    public async Task Run_WhenWatchHasNotLivedForASecond_CountsItAsAFailure()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        _clock.Advance(TimeSpan.FromMilliseconds(999));
        watch.Finish();
        await _clock.PassAsync(FirstBackoff);
        await _server.NextWatchAsync();
    }

    [Requirement("R3")]
    [Fact]
    public async Task Run_WhenWatchEndsAtOnce_CountsItAsAFailure()
    {
        Start();
        (await ListAndWatchAsync("10")).Finish();
        await _clock.PassAsync(FirstBackoff);
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("10");
    }

    [Requirement("R3")]
    [Theory]
    [InlineData(429, "TooManyRequests")]
    [InlineData(500, "InternalError")]
    [InlineData(504, "Timeout")]
    public async Task Run_WhenServerIsOverloaded_KeepsTheVersionAndBacksOff(int status, string reason)
    {
        Start();
        await ListAsync("10");
        await (await _server.NextWatchAsync()).FailAsync(status, reason);
        await _clock.PassAsync(FirstBackoff);
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("10");
    }

    [Requirement("R3", "ops#739")]
    [Fact]
    public async Task Run_WhenListFails_BacksOffAndListsAgain()
    {
        Start();
        await (await _server.NextListAsync()).FailAsync(403, "Forbidden");
        await _clock.PassAsync(FirstBackoff);
        (await _server.NextListAsync()).Break();
        await _clock.PassAsync(FirstBackoff * 2);
        await ListAndWatchAsync("10", Widget.Named("a"));
        _store.Get(A).ShouldNotBeNull();
    }

    // A version kept for ever was mended by nothing but a restart.
    [Requirement("R3", "ops#793", "ops#724")]
    [Fact]
    public async Task Run_WhenTheVersionNeverWorks_ListsAnewAfterFiveFailures()
    {
        Start();
        await ListAsync("10");
        var wait = FirstBackoff;
        for (var failure = 1; failure <= 5; failure++)
        {
            await (await _server.NextWatchAsync()).FailAsync(504, "Timeout", "Too large resource version");
            await _clock.PassAsync(wait);
            wait *= 2;
        }

        await _server.NextListAsync();
    }

    [Requirement("R4")]
    [Fact]
    public async Task Run_WhenOpeningTheWatchIsGone_ListsAnew()
    {
        Start();
        await ListAsync("10");
        await (await _server.NextWatchAsync()).FailAsync(410, "Gone");
        await _clock.PassAsync(FirstBackoff);
        await ListAndWatchAsync("20", Widget.Named("a"));
    }

    [Requirement("R4", "kc: Watcher.cs")]
    [Theory]
    [InlineData(410, "Expired")]
    [InlineData(410, "Gone")]
    [InlineData(410, "")]
    [InlineData(0, "Expired")]
    [InlineData(0, "Gone")]
    public async Task Run_WhenTheStreamSaysExpired_ListsAnew(int code, string reason)
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        await watch.SendAsync("ERROR", Exchange.Status(code, reason));
        await _clock.PassAsync(FirstBackoff);
        await _server.NextListAsync();
    }

    [Requirement("R4")]
    [Fact]
    public async Task Run_WhenTheStreamFailsForAnotherReason_ResumesFromTheLastVersion()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        await watch.SendAsync("ERROR", Exchange.Status(500, "InternalError"));
        await _clock.PassAsync(FirstBackoff);
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("10");
    }

    [Requirement("R5")]
    [Theory]
    [InlineData(0.0, "300")]
    [InlineData(0.5, "450")]
    [InlineData(0.9999, "599")]
    public async Task Run_Always_AsksForBookmarksAndForAnEndByChance(double chance, string seconds)
    {
        Start(options => options.Jitter = () => chance);
        await ListAsync("10");
        var watch = await _server.NextWatchAsync();
        watch.Query["allowWatchBookmarks"].ToString().ShouldBe("true");
        watch.Query["timeoutSeconds"].ToString().ShouldBe(seconds);
    }

    // A half-open connection hangs for ever.
    [Requirement("R5", "kc#533", "kc#884", "kc#833")]
    [Fact]
    public async Task Run_WhenTheConnectionIsSilentPastItsEnd_ReopensIt()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        await watch.SendAsync("BOOKMARK", Bookmark("11"));
        await watch.SendAsync("ADDED", Widget.Named("a", 12).Json());
        await NextChangeAsync();
        _clock.Advance(TimeSpan.FromSeconds(329));
        watch.Finished.IsCompleted.ShouldBeFalse();
        _clock.Advance(TimeSpan.FromSeconds(2));
        await watch.Finished.Soon();
        await _clock.PassAsync(FirstBackoff);
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("12");
    }

    [Requirement("R5", "kc#515")]
    [Fact]
    public async Task Run_WhenAWatchIsNeverAnswered_OpensAnother()
    {
        Start();
        await ListAsync("10");
        var hanging = await _server.NextWatchAsync();
        _clock.Advance(TimeSpan.FromSeconds(330));
        await hanging.Finished.Soon();
        await _clock.PassAsync(FirstBackoff);
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("10");
    }

    [Requirement("R5")]
    [Fact]
    public async Task Run_WhileLinesCome_KeepsTheConnection()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        for (var version = 11; version < 14; version++)
        {
            _clock.Advance(TimeSpan.FromSeconds(200));
            await watch.SendAsync("ADDED", Widget.Named($"w{version}", version).Json());
            await NextChangeAsync();
        }

        _clock.Advance(TimeSpan.FromSeconds(329));
        watch.Finished.IsCompleted.ShouldBeFalse();
        _clock.Advance(TimeSpan.FromSeconds(1));
        await watch.Finished.Soon();
    }

    // An idle watch "hung" at open, since its first line was awaited; a cancelled read went on in the background.
    [Requirement("R6", "kc#375", "kc#300", "kc: abandoned read")]
    [Fact]
    public async Task Run_WhenCancelledDuringAnIdleWatch_EndsAndClosesTheConnection()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        await _informer.Synced.Soon();
        await _stop.CancelAsync();
        await _run.Soon();
        await watch.Finished.Soon();
    }

    // Its normal end came as an exception, and counted as a failure.
    [Requirement("R6", "kc#494")]
    [Fact]
    public async Task Run_WhenAWatchEndsWithoutALine_ReopensItAndComplainsOfNothing()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        _clock.Advance(TimeSpan.FromMinutes(5));
        watch.Finish();
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("10");
        _log.Lines.ShouldAllBe(line => line.StartsWith("Debug:", StringComparison.Ordinal));
    }

    [Requirement("R6", "ops#824")]
    [Fact]
    public async Task Run_WhenTheStreamFails_ClosesItsConnection()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        await watch.SendAsync("ERROR", Exchange.Status(410, "Expired"));
        await watch.Finished.Soon();
    }

    [Requirement("R6")]
    [Fact]
    public async Task Run_WhenALineIsCutOff_ResumesFromTheOneBefore()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        await watch.SendAsync("ADDED", Widget.Named("a", 11).Json());
        await NextChangeAsync();
        await watch.SendLineAsync("{\"type\":\"MODIFIED\",\"object\":{\"meta");
        watch.Finish();
        await _clock.PassAsync(FirstBackoff);
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("11");
    }

    [Requirement("R7", "yarp#1736")]
    [Fact]
    public async Task Run_WhenOneOfTheListIsUnreadable_KeepsTheOthersAndSaysSoOnce()
    {
        Start();
        var list = Widget.List("10", null, Widget.Named("a"), Widget.Named("b"));
        list["items"]![0]!["spec"] = "not an object";
        await (await _server.NextListAsync()).AnswerAsync(list);
        (await _server.NextWatchAsync()).Break();
        _store.List().Single().Metadata.Name.ShouldBe("b");
        _informer.PoisonCount.ShouldBe(1);

        // The same version is not worth a second line in the log.
        await _clock.PassAsync(FirstBackoff);
        await (await _server.NextWatchAsync()).FailAsync(410, "Gone");
        await _clock.PassAsync(FirstBackoff * 2);
        await (await _server.NextListAsync()).AnswerAsync(list);
        await _server.NextWatchAsync();
        _log.Lines.Count(line => line.Contains("cannot be read", StringComparison.Ordinal)).ShouldBe(1);
    }

    [Requirement("R7", "kc: skipped in silence")]
    [Fact]
    public async Task Run_WhenAnUpdateIsUnreadable_KeepsTheLastGoodStateAndGoesOn()
    {
        Start();
        var watch = await ListAndWatchAsync("10", Widget.Named("a", 1));
        var bad = Widget.Named("a", 11).Json();
        bad["spec"]!["size"] = "huge";
        await watch.SendAsync("MODIFIED", bad);
        await watch.SendAsync("ADDED", Widget.Named("b", 12).Json());
        await NextChangeAsync();
        await NextChangeAsync();
        _store.Get(A)!.Metadata.ResourceVersion.ShouldBe("1");
        _store.Get(B).ShouldNotBeNull();
        _informer.PoisonCount.ShouldBe(1);
        _log.Lines.ShouldContain(line => line.StartsWith("Error: One of the widgets, ns/a,", StringComparison.Ordinal));

        watch.Break();
        await _clock.PassAsync(FirstBackoff);
        (await _server.NextWatchAsync()).Query["resourceVersion"].ToString().ShouldBe("12");
    }

    [Requirement("R7")]
    [Fact]
    public async Task Run_WhenAnUnreadableObjectIsDeleted_RemovesItAllTheSame()
    {
        Start();
        var watch = await ListAndWatchAsync("10", Widget.Named("a", 1));
        await NextChangeAsync();
        var bad = Widget.Named("a", 11).Json();
        bad["metadata"]!["creationTimestamp"] = "yesterday";
        await watch.SendAsync("DELETED", bad);
        (await NextChangeAsync()).New.ShouldBeNull();
        _store.Get(A).ShouldBeNull();
    }

    [Requirement("R7")]
    [Fact]
    public async Task Run_WhenTransformFailsOnOneObject_KeepsTheOthers()
    {
        Start(transform: widget => ArgumentOutOfRangeException.ThrowIfEqual(widget.Metadata.Name, "a"));
        await ListAndWatchAsync("10", Widget.Named("a"), Widget.Named("b"));
        _store.List().Single().Metadata.Name.ShouldBe("b");
    }

    [Requirement("R7")]
    [Fact]
    public async Task PoisonCount_WhenAnUnreadableObjectIsNotListedAgain_IsBackAtZero()
    {
        Start();
        var list = Widget.List("10", null, Widget.Named("a"));
        list["items"]![0]!["spec"] = "not an object";
        await (await _server.NextListAsync()).AnswerAsync(list);
        await (await _server.NextWatchAsync()).FailAsync(410, "Gone");
        await _clock.PassAsync(FirstBackoff);
        _informer.PoisonCount.ShouldBe(1);
        await ListAndWatchAsync("20");
        _informer.PoisonCount.ShouldBe(0);
    }

    [Requirement("R7")]
    [Fact]
    public async Task PoisonCount_WhenWhatNoTransformCouldTakeIsDeleted_IsBackAtZero()
    {
        Start(transform: widget => ArgumentOutOfRangeException.ThrowIfEqual(widget.Metadata.Name, "a"));
        var watch = await ListAndWatchAsync("10", Widget.Named("a"));
        _informer.PoisonCount.ShouldBe(1);
        await watch.SendAsync("DELETED", Widget.Named("a", 11).Json());
        await watch.SendAsync("ADDED", Widget.Named("b", 12).Json());
        await NextChangeAsync();
        _informer.PoisonCount.ShouldBe(0);
    }

    [Requirement("R7", "kc#1350", "ops#599")]
    [Theory]
    [InlineData("2026-01-01T00:00:00Z")]
    [InlineData("2026-01-01T00:00:00.1Z")]
    [InlineData("2026-01-01T00:00:00.123456Z")]
    [InlineData("2026-01-01T00:00:00.123456789Z")]
    [InlineData("2026-01-01T02:00:00.12+02:00")]
    public async Task Run_WhenATimestampHasAnyFraction_ReadsTheObject(string time)
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        var widget = Widget.Named("a", 11).Json();
        widget["metadata"]!["creationTimestamp"] = time;
        await watch.SendAsync("ADDED", widget);
        var created = (await NextChangeAsync()).New!.Metadata.CreationTimestamp!.Value;
        created.ShouldBeInRange(new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc), new DateTime(2026, 1, 1, 0, 0, 1, DateTimeKind.Utc));
    }

    [Requirement("R8", "yarp: throwing handler")]
    [Fact]
    public async Task Run_WhenAHandlerThrows_TellsTheOthersAndGoesOn()
    {
        Start(configure: null, transform: null, firstHandler: (_, _) => throw new InvalidOperationException("bad handler"));
        var watch = await ListAndWatchAsync("10", Widget.Named("a"));
        await watch.SendAsync("ADDED", Widget.Named("b", 11).Json());
        await NextChangeAsync();
        (await NextChangeAsync()).New!.Metadata.Name.ShouldBe("b");
    }

    // Events between the list and the gate were lost.
    [Requirement("R8", "yarp#2364")]
    [Fact]
    public async Task Run_WhenTheFirstListIsTold_TheStoreShowsItButHasNotSyncedYet()
    {
        var seen = new List<(bool Synced, bool InStore)>();
        Start(firstHandler: (_, now) => seen.Add((_store.HasSynced, _store.Get(NamespacedName.Of(now!)) is not null)));
        await ListAndWatchAsync("10", Widget.Named("a"), Widget.Named("b"));
        await _informer.Synced.Soon();
        seen.ShouldBe([(false, true), (false, true)]);
        _store.HasSynced.ShouldBeTrue();
    }

    [Requirement("R8")]
    [Fact]
    public async Task Run_WhenAnEventIsTold_TheStoreShowsItAlready()
    {
        var shown = new List<string?>();
        Start(firstHandler: (_, _) => shown.Add(_store.Get(A)?.Metadata.ResourceVersion));
        var watch = await ListAndWatchAsync("10");
        await watch.SendAsync("ADDED", Widget.Named("a", 11).Json());
        await watch.SendAsync("MODIFIED", Widget.Named("a", 12).Json());
        await watch.SendAsync("DELETED", Widget.Named("a", 13).Json());
        for (var change = 0; change < 3; change++)
        {
            await NextChangeAsync();
        }

        shown.ShouldBe(["11", "12", null]);
    }

    [Requirement("R8")]
    [Fact]
    public async Task AddHandler_WhenTheInformerRuns_Throws()
    {
        Start();
        await ListAndWatchAsync("10");
        Should.Throw<InvalidOperationException>(() => _informer.AddHandler((_, _) => { }));
    }

    [Requirement("R8")]
    [Requirement("R1", "yarp: items without a kind")]
    [Fact]
    public async Task Run_Always_DropsManagedFieldsNamesTheKindAndTransforms()
    {
        Start(transform: widget => widget.Metadata.Annotations = null);
        var widget = Widget.Named("a");
        widget.Metadata.ManagedFields = [new V1ManagedFieldsEntry { Manager = "somebody" }];
        widget.Metadata.Annotations = new Dictionary<string, string> { ["long"] = "text" };
        await ListAndWatchAsync("10", widget);

        var stored = _store.Get(A)!;
        stored.Metadata.ManagedFields.ShouldBeNull();
        stored.Metadata.Annotations.ShouldBeNull();
        (stored.ApiVersion, stored.Kind).ShouldBe(("test.dev/v1", "Widget"));
    }

    [Requirement("R8")]
    [Fact]
    public async Task Run_WhenScoped_ListsAndWatchesWithSelectorAndNamespace()
    {
        Start(scope: new InformerScope<Widget> { LabelSelector = "app=x,tier in (a,b)", Namespace = "ns" });
        var list = await _server.NextListAsync();
        list.Path.ShouldBe("/apis/test.dev/v1/namespaces/ns/widgets");
        list.Query["labelSelector"].ToString().ShouldBe("app=x,tier in (a,b)");
        await list.AnswerAsync(Widget.List("10", null));
        var watch = await _server.NextWatchAsync();
        watch.Path.ShouldBe("/apis/test.dev/v1/namespaces/ns/widgets");
        watch.Query["labelSelector"].ToString().ShouldBe("app=x,tier in (a,b)");
    }

    [Requirement("R22")]
    [Fact]
    public async Task Silence_WhenAnEventComes_StartsAnew()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        _clock.Advance(TimeSpan.FromMinutes(3));
        _informer.Silence.ShouldBe(TimeSpan.FromMinutes(3));
        await watch.SendAsync("ADDED", Widget.Named("a", 11).Json());
        await NextChangeAsync();
        _informer.Silence.ShouldBe(TimeSpan.Zero);
    }

    [Requirement("R22")]
    [Fact]
    public async Task Silence_WhenABookmarkOrAListComes_StartsAnewAndAFailureChangesNothing()
    {
        Start();
        var watch = await ListAndWatchAsync("10");
        _clock.Advance(TimeSpan.FromMinutes(3));
        await watch.SendAsync("BOOKMARK", Bookmark("11"));
        await watch.SendAsync("ERROR", Exchange.Status(410, "Expired"));
        await _clock.TimerAsync(FirstBackoff);
        _informer.Silence.ShouldBe(TimeSpan.Zero);
        _clock.Advance(TimeSpan.FromMinutes(3));
        (await _server.NextListAsync()).Break();
        await _clock.TimerAsync(FirstBackoff);
        _informer.Silence.ShouldBe(TimeSpan.FromMinutes(3));
        _clock.Advance(FirstBackoff);
        await ListAndWatchAsync("20");
        _informer.Silence.ShouldBe(TimeSpan.Zero);
    }

    private void Start(
        Action<OperatorOptions>? configure = null, Action<Widget>? transform = null, Action<Widget?, Widget?>? firstHandler = null,
        InformerScope<Widget>? scope = null)
    {
        var options = _server.Options();
        configure?.Invoke(options);
        _client = new KubeClient(options, _clock);
        _store = new Store<Widget>([]);
        _informer = new Informer<Widget>(
            _client, scope ?? new InformerScope<Widget> { Transform = transform }, _store, options, _clock, new OperatorMetrics(), _log);
        if (firstHandler is not null)
        {
            _informer.AddHandler(firstHandler);
        }

        _informer.AddHandler((old, now) => _changes.Writer.TryWrite((old, now)));
        _run = _informer.RunAsync(_stop.Token);
    }

    private async Task ListAsync(string version, params Widget[] items) =>
        await (await _server.NextListAsync()).AnswerAsync(Widget.List(version, null, items));

    private async Task<Exchange> ListAndWatchAsync(string version, params Widget[] items)
    {
        await ListAsync(version, items);
        var watch = await _server.NextWatchAsync();
        watch.Query["resourceVersion"].ToString().ShouldBe(version);
        return await watch.OpenAsync();
    }

    private async Task<(Widget? Old, Widget? New)> NextChangeAsync() =>
        await _changes.Reader.ReadAsync(TestContext.Current.CancellationToken).Soon();

    /// <summary>What the handlers have heard: +name, name (modified) or -name.</summary>
    private List<string> Told()
    {
        var told = new List<string>();
        while (_changes.Reader.TryRead(out var change))
        {
            told.Add((change.Old is null ? "+" : change.New is null ? "-" : "") + (change.New ?? change.Old)!.Metadata.Name);
        }

        return told;
    }

    private static JsonObject Bookmark(string version) => new()
    {
        ["kind"] = "Widget",
        ["apiVersion"] = "test.dev/v1",
        ["metadata"] = new JsonObject { ["resourceVersion"] = version, ["creationTimestamp"] = null },
    };
}
