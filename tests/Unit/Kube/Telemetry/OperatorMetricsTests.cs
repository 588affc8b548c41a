using System.Text;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Queue;
using Slipway.Kube.Telemetry;

namespace Slipway.Tests.Unit.Kube.Telemetry;

[Requirement("R23")]
public sealed class OperatorMetricsTests
{
    private readonly OperatorMetrics _metrics = new();
    private readonly TestClock _clock = new();

    // An alert on a rate misses the first error where the series begins with it.
    [Fact]
    public async Task Controller_BeforeItsFirstPass_HasAllItsSeriesAtZero()
    {
        _ = new ControllerMetrics(_metrics, "widgets", 4);
        var lines = await LinesAsync();
        foreach (var result in new[] { "success", "error", "requeue_after", "requeue" })
        {
            lines.ShouldContain($$"""controller_runtime_reconcile_total{controller="widgets",result="{{result}}"} 0""");
        }

        foreach (var name in new[] { "reconcile_errors_total", "terminal_reconcile_errors_total", "reconcile_panics_total", "reconcile_timeouts_total", "active_workers" })
        {
            lines.ShouldContain($$"""controller_runtime_{{name}}{controller="widgets"} 0""");
        }

        lines.ShouldContain("""controller_runtime_max_concurrent_reconciles{controller="widgets"} 4""");
        lines.Count(line => line.StartsWith("controller_runtime_reconcile_time_seconds_bucket", StringComparison.Ordinal)).ShouldBe(41, "forty and +Inf");
    }

    [Fact]
    public async Task PassTime_WhenBucketed_HasControllerRuntimesForty()
    {
        _ = new ControllerMetrics(_metrics, "widgets", 4);
        var bounds = (await LinesAsync())
            .Where(line => line.StartsWith("controller_runtime_reconcile_time_seconds_bucket", StringComparison.Ordinal))
            .Select(line => line.Split("le=\"")[1].Split('"')[0]);
        bounds.ShouldBe(
        [
            "0.005", "0.01", "0.025", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35", "0.4", "0.45", "0.5", "0.6", "0.7", "0.8", "0.9", "1",
            "1.25", "1.5", "1.75", "2", "2.5", "3", "3.5", "4", "4.5", "5", "6", "7", "8", "9", "10", "15", "20", "25", "30", "40", "50", "60", "+Inf",
        ]);
    }

    [Fact]
    public async Task Queue_BeforeItsFirstKey_HasAllItsSeriesAtZero()
    {
        using var queue = new WorkQueue<string>(_clock, new Backoff(TimeSpan.Zero, TimeSpan.Zero), () => 0, new QueueMetrics(_metrics, "widgets"));
        var lines = await LinesAsync();
        string[] names =
        [
            "depth", "adds_total", "retries_total", "unfinished_work_seconds", "longest_running_processor_seconds",
            "queue_duration_seconds_count", "work_duration_seconds_count",
        ];
        foreach (var name in names)
        {
            lines.ShouldContain($$"""workqueue_{{name}}{name="widgets",controller="widgets"} 0""");
        }
    }

    [Theory]
    [InlineData(nameof(PassOutcome.Success), "success", null)]
    [InlineData(nameof(PassOutcome.Gone), "success", null)]
    [InlineData(nameof(PassOutcome.RequeueAfter), "requeue_after", null)]
    [InlineData(nameof(PassOutcome.Conflict), "requeue", null)]
    [InlineData(nameof(PassOutcome.Error), "error", null)]
    [InlineData(nameof(PassOutcome.Terminal), "error", "terminal_reconcile_errors_total")]
    [InlineData(nameof(PassOutcome.Panic), "error", "reconcile_panics_total")]
    [InlineData(nameof(PassOutcome.TimedOut), "error", "reconcile_timeouts_total")]
    public async Task Pass_WhenItEnds_CountsAsItsResult(string outcome, string result, string? kind)
    {
        new ControllerMetrics(_metrics, "widgets", 4).Ended(Enum.Parse<PassOutcome>(outcome), TimeSpan.FromSeconds(2));
        var counted = (await LinesAsync()).Where(line => line.EndsWith("total{controller=\"widgets\"} 1", StringComparison.Ordinal) || line.Contains("} 1", StringComparison.Ordinal) && line.Contains("result=", StringComparison.Ordinal)).ToList();
        counted.ShouldContain($$"""controller_runtime_reconcile_total{controller="widgets",result="{{result}}"} 1""");
        counted.Count(line => line.Contains("result=", StringComparison.Ordinal)).ShouldBe(1);
        counted.Any(line => line.Contains("_reconcile_errors_total{", StringComparison.Ordinal) && !line.Contains("terminal", StringComparison.Ordinal)).ShouldBe(result == "error");
        if (kind is not null) counted.ShouldContain($$"""controller_runtime_{{kind}}{controller="widgets"} 1""");
    }

    [Fact]
    public async Task Pass_WhenTheShutdownCutsItShort_IsNoResult()
    {
        new ControllerMetrics(_metrics, "widgets", 4).Ended(PassOutcome.Cancelled, TimeSpan.FromSeconds(2));
        (await LinesAsync()).ShouldNotContain(line => line.StartsWith("controller_runtime_reconcile_total", StringComparison.Ordinal) && !line.EndsWith(" 0", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Queue_AsKeysGoThroughIt_CountsAndTimesThem()
    {
        using var queue = new WorkQueue<string>(_clock, new Backoff(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)), () => 0, new QueueMetrics(_metrics, "widgets"));
        queue.Add("a");
        queue.Add("a");
        queue.Add("b");
        queue.AddRateLimited("c");
        (await ValueAsync("workqueue_depth")).ShouldBe(2);
        (await ValueAsync("workqueue_adds_total")).ShouldBe(2, "a key that waits already is not added again");
        (await ValueAsync("workqueue_retries_total")).ShouldBe(1);

        _clock.Advance(TimeSpan.FromSeconds(0.5));
        await queue.TakeAsync(TestContext.Current.CancellationToken);
        (await ValueAsync("workqueue_depth")).ShouldBe(1);
        (await ValueAsync("workqueue_queue_duration_seconds_sum")).ShouldBe(0.5);
        _clock.Advance(TimeSpan.FromSeconds(0.25));
        await queue.TakeAsync(TestContext.Current.CancellationToken);
        queue.Add("a");
        _clock.Advance(TimeSpan.FromSeconds(0.25));
        (await ValueAsync("workqueue_unfinished_work_seconds")).ShouldBe(0.75);
        (await ValueAsync("workqueue_longest_running_processor_seconds")).ShouldBe(0.5);

        queue.Done("a");
        (await ValueAsync("workqueue_work_duration_seconds_sum")).ShouldBe(0.5);
        (await ValueAsync("workqueue_depth")).ShouldBe(1, "a came back, for it was added meanwhile");
        queue.ShutDown();
        (await ValueAsync("workqueue_depth")).ShouldBe(0);
    }

    [Requirement("R24")]
    [Fact]
    public async Task Requests_WhenOneIsPutOff_CountEveryAttempt()
    {
        await using var server = await ScriptedApiServer.StartAsync();
        using var client = new KubeClient(server.Options(), _clock, _metrics);
        var get = client.GetAsync<Widget>(new("ns", "a"), TestContext.Current.CancellationToken);
        await (await server.NextAsync()).FailAsync(429, "TooManyRequests", retryAfter: "1");
        await _clock.PassAsync(TimeSpan.FromSeconds(1));
        (await server.NextAsync()).Break();
        await Should.ThrowAsync<HttpRequestException>(get.Soon());

        var lines = (await LinesAsync()).Where(line => line.StartsWith("rest_client_requests_total{", StringComparison.Ordinal)).ToList();
        lines.ShouldContain(line => line.Contains("code=\"429\",method=\"GET\",host=\"127.0.0.1:", StringComparison.Ordinal) && line.EndsWith(" 1", StringComparison.Ordinal));
        lines.ShouldContain(line => line.Contains("code=\"<error>\"", StringComparison.Ordinal));
        lines.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Leader_WhenAsked_IsWhatItIsThen()
    {
        var leading = false;
        _metrics.ReportLeader("slipway", () => leading);
        (await ValueAsync("leader_election_master_status")).ShouldBe(0);
        leading = true;
        (await ValueAsync("leader_election_master_status")).ShouldBe(1);
    }

    // The library's default registry is one for the whole process, and publishes every meter of the runtime.
    [Requirement("R23", "prometheus-net: static registry", "prometheus-net: default metrics")]
    [Fact]
    public async Task Registry_WhenAnotherHostHasItsOwn_HoldsNothingOfThatOrOfTheRuntime()
    {
        new ControllerMetrics(new OperatorMetrics(), "widgets", 4).Ended(PassOutcome.Success, TimeSpan.Zero);
        (await LinesAsync()).ShouldNotContain(line => !line.StartsWith('#') && !line.StartsWith("events_", StringComparison.Ordinal));
    }

    private async Task<List<string>> LinesAsync()
    {
        using var stream = new MemoryStream();
        await _metrics.Registry.CollectAndExportAsTextAsync(stream, TestContext.Current.CancellationToken);
        return [.. Encoding.UTF8.GetString(stream.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    private async Task<double> ValueAsync(string name)
    {
        var line = (await LinesAsync()).Single(line => line.StartsWith(name + "{", StringComparison.Ordinal));
        return double.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
    }
}
