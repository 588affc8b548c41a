using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Kube.Client;
using Slipway.Kube.Events;
using Slipway.Kube.Telemetry;

namespace Slipway.Tests.Unit.Kube.Events;

[Requirement("R19")]
public sealed class EventSinkTests : IAsyncLifetime
{
    private const string Events = "/api/v1/namespaces/ns/events";

    private readonly TestClock _clock = new();
    private readonly OperatorMetrics _metrics = new();
    private readonly CancellationTokenSource _stop = new();
    private ScriptedApiServer _server = null!;
    private KubeClient _client = null!;
    private EventSink _sink = null!;
    private Task _run = Task.CompletedTask;

    public async ValueTask InitializeAsync()
    {
        _server = await ScriptedApiServer.StartAsync();
        var options = _server.Options();
        _client = new KubeClient(options, _clock);
        _sink = new EventSink(_client, options, _metrics, _clock, new ListLogger<EventSink>());
        _run = _sink.RunAsync(_stop.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.Soon();
        _client.Dispose();
        await _server.DisposeAsync();
        _stop.Dispose();
    }

    [Fact]
    public async Task Record_WhenItIsTheFirst_MakesAnEventOfTheObject()
    {
        Record("a", "Failed", "A step failed.");
        var create = await NextAsync("POST", Events);
        var body = create.Json;
        ((string)body["metadata"]!["name"]!).ShouldStartWith("a.");
        body["involvedObject"]!.ToJsonString().ShouldBe("""{"apiVersion":"test.dev/v1","kind":"Widget","name":"a","namespace":"ns","uid":"uid-a"}""");
        Fields(body, "type", "reason", "message", "reportingComponent").ShouldBe(["Warning", "Failed", "A step failed.", "slipway"]);
        ((int)body["count"]!).ShouldBe(1);
        ((string)body["source"]!["component"]!).ShouldBe("slipway");
        await create.AnswerAsync(body);
    }

    // Elsewhere: one Event a message, and a GET each time.
    [Requirement("R19", "ops: message in the name", "jos#3601", "ops#619")]
    [Fact]
    public async Task Record_WhenItIsTheSameAgain_CountsTheEventUpWithoutReadingIt()
    {
        Record("a", "Failed", "A step failed.");
        var name = await CreatedAsync();
        // One after the other: the first has been dealt with once the second is written, and the clock may move.
        Record("b", "Failed", "A step failed.");
        (await NextAsync("POST", Events)).Break();
        _clock.Advance(TimeSpan.FromSeconds(90));
        Record("a", "Failed", "A step failed.");
        var patch = await NextAsync("PATCH", $"{Events}/{name}");
        ((int)patch.Json["count"]!).ShouldBe(2);
        ((string)patch.Json["lastTimestamp"]!).ShouldEndWith("00:01:30Z");
        await patch.AnswerAsync(patch.Json);
    }

    // A name without the uid went on counting the event of an object that was gone.
    [Requirement("R19", "ops#681")]
    [Fact]
    public async Task Record_WhenTheObjectWasMadeAnew_MakesAnEventOfTheNewOne()
    {
        Record("a", "Failed", "A step failed.");
        var old = await CreatedAsync();
        Record("a", "Failed", "A step failed.", uid: "another");
        (await CreatedAsync()).ShouldNotBe(old);
    }

    [Theory]
    [InlineData(nameof(EventType.Normal), "Failed", "A step failed.")]
    [InlineData(nameof(EventType.Warning), "Stalled", "A step failed.")]
    [InlineData(nameof(EventType.Warning), "Failed", "Another step failed.")]
    public async Task Record_WhenTypeReasonOrMessageDiffers_MakesAnotherEvent(string type, string reason, string message)
    {
        Record("a", "Failed", "A step failed.");
        var first = await CreatedAsync();
        _sink.Record(RecordedEvent.Of(Widget.Named("a"), Enum.Parse<EventType>(type), reason, message));
        (await CreatedAsync()).ShouldNotBe(first);
    }

    // What is combined tells the latest of them.
    [Fact]
    public async Task Record_WhenMessagesGoOnDiffering_WritesTheLatestIntoTheCombinedEvent()
    {
        for (var number = 1; number <= 10; number++)
        {
            Record("a", "Failed", $"message {number}");
            await CreatedAsync();
        }

        Record("a", "Failed", "message 11");
        var name = await CreatedAsync();
        Record("a", "Failed", "message 12");
        var patch = await NextAsync("PATCH", $"{Events}/{name}");
        ((int)patch.Json["count"]!, (string)patch.Json["message"]!).ShouldBe((2, "(combined from similar events): message 12"));
        await patch.AnswerAsync(patch.Json);
    }

    [Fact]
    public async Task Record_WhenTheEventIsGone_MakesItAnewFromOne()
    {
        Record("a", "Failed", "A step failed.");
        await CreatedAsync();
        Record("a", "Failed", "A step failed.");
        await (await _server.NextAsync()).FailAsync(404, "NotFound");
        var create = await NextAsync("POST", Events);
        ((int)create.Json["count"]!).ShouldBe(1);
        await create.AnswerAsync(create.Json);
        Record("a", "Failed", "A step failed.");
        var patch = await _server.NextAsync();
        ((int)patch.Json["count"]!).ShouldBe(2);
        await patch.AnswerAsync(patch.Json);
    }

    [Fact]
    public async Task Record_WhenTheKindHasNoNamespace_PutsTheEventWhereKubectlLooks()
    {
        _sink.Record(RecordedEvent.Of(Widget.Named("a", @namespace: ""), EventType.Normal, "Ready", "It works."));
        var create = await NextAsync("POST", "/api/v1/namespaces/default/events");
        await create.AnswerAsync(create.Json);
    }

    [Fact]
    public async Task Record_WhenTheApiServerHangs_DoesNotWaitAndDropsTheOldest()
    {
        Record("first", "Failed", "no");
        var hanging = await _server.NextAsync();
        for (var number = 0; number < EventSink.LineLength + 3; number++) Record($"w{number}", "Failed", "no");
        _metrics.EventsDropped.Value.ShouldBe(3);
        await hanging.AnswerAsync(hanging.Json);
        ((string)(await _server.NextAsync()).Json["involvedObject"]!["name"]!).ShouldBe("w3");
    }

    [Fact]
    public async Task Record_WhenTheApiServerCannotBeReached_IsLostAndTheNextIsWritten()
    {
        Record("a", "Failed", "no");
        (await _server.NextAsync()).Break();
        Record("a", "Failed", "no");
        await CreatedAsync();
        Record("b", "Failed", "no");
        await _server.NextAsync();
        _clock.Advance(TimeSpan.FromSeconds(30));
        Record("c", "Failed", "no");
        await CreatedAsync();
        (_metrics.EventsDropped.Value, _run.IsCompleted).ShouldBe((2, false));
    }

    [Fact]
    public async Task Record_WhenRefused_IsLostAndTheNextIsWritten()
    {
        Record("a", "Failed", "no");
        await (await _server.NextAsync()).FailAsync(403, "Forbidden", "because the namespace is being terminated");
        Record("b", "Failed", "no");
        await CreatedAsync();
        (_metrics.EventsDropped.Value, _run.IsCompleted).ShouldBe((1, false));
    }

    [Fact]
    public async Task Complete_WhenSomeWait_WritesThemAndEnds()
    {
        Record("a", "Failed", "no");
        Record("b", "Failed", "no");
        _sink.Complete();
        Record("c", "Failed", "too late");
        await CreatedAsync();
        await CreatedAsync();
        await _run.Soon();
        _metrics.EventsSent.Value.ShouldBe(2);
    }

    [Fact]
    public async Task Record_WhenTheMessageIsTooLong_IsCutToWhatTheApiServerTakes()
    {
        Record("a", "Failed", new string('x', 5000));
        var create = await _server.NextAsync();
        ((string)create.Json["message"]!).Length.ShouldBe(1024);
        await create.AnswerAsync(create.Json);
    }

    // 253 characters may be in a name, and what follows ours needs some of them.
    [Fact]
    public async Task Record_WhenTheObjectsNameIsCutAtADash_MakesANameThatTheApiServerTakes()
    {
        Record($"{new string('a', 199)}-b", "Failed", "A step failed.");
        (await CreatedAsync()).ShouldStartWith($"{new string('a', 199)}.");
    }

    private void Record(string name, string reason, string message, string? uid = null) =>
        _sink.Record(RecordedEvent.Of(Widget.Named(name, uid: uid), EventType.Warning, reason, message));

    private async Task<string> CreatedAsync()
    {
        var create = await NextAsync("POST", Events);
        await create.AnswerAsync(create.Json);
        return (string)create.Json["metadata"]!["name"]!;
    }

    private async Task<Exchange> NextAsync(string method, string path)
    {
        var request = await _server.NextAsync();
        (request.Method, request.Path).ShouldBe((method, path));
        return request;
    }

    private static string[] Fields(JsonNode body, params string[] names) => [.. names.Select(name => (string)body[name]!)];
}
