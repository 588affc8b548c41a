using System.Globalization;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Telemetry;
using Slipway.Tests.Unit.Kube;
using Slipway.Tracing;
using static Slipway.Tests.Unit.Builds.BuildFixture;
using static Slipway.Tests.Unit.Builds.LifeFixture;

namespace Slipway.Tests.Unit.Tracing;

/// <summary>Against a receiver on loopback that reads what arrives.</summary>
public sealed class OtlpExporterTests : IAsyncLifetime
{
    private readonly TestClock _time = new();
    private readonly OperatorOptions _certain = new() { Jitter = () => 0 };
    private readonly TraceMetrics _metrics = new(new OperatorMetrics());
    private readonly ListLogger<OtlpExporter> _log = new();
    private OtlpReceiver _receiver = null!;
    private OtlpExporter _exporter = null!;

    public async ValueTask InitializeAsync()
    {
        _receiver = await OtlpReceiver.StartAsync();
        var variables = new Dictionary<string, string>
        {
            [OtlpOptions.HeadersVariable] = "authorization=Bearer%20abc%3D, x-tenant = team\n,nonsense,broken=a%0Ab",
            [OtlpOptions.ResourceVariable] = "k8s.cluster.name=north%2C1",
        };
        _exporter = new OtlpExporter(OtlpOptions.Read(_receiver.Endpoint, variables.GetValueOrDefault), _metrics, _certain, _time, _log);
        await _exporter.StartAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _exporter.StopAsync(TestContext.Current.CancellationToken);
        _exporter.Dispose();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task Export_OfABuild_ArrivesAsOneTraceInOtlp()
    {
        var trace = BuildTrace.Of(Pass(Publishing, Jobs), Done);

        _exporter.Export(trace);

        var request = await _receiver.NextAsync();
        (request.Method, request.Path, request.Headers["Content-Type"]).ShouldBe(("POST", "/v1/traces", "application/json"));
        (request.Headers["Authorization"], request.Headers["X-Tenant"]).ShouldBe(("Bearer abc=", "team"));
        request.Headers.Keys.ShouldNotContain("broken");
        var sent = request.Decoded.ResourceSpans.ShouldHaveSingleItem();
        sent.Resource.Attributes.ToDictionary(pair => pair.Key, pair => pair.Value.StringValue).ShouldBe(
            new Dictionary<string, string?> { ["service.name"] = "slipway", ["k8s.cluster.name"] = "north,1" }, ignoreOrder: true);
        var spans = sent.ScopeSpans.ShouldHaveSingleItem().Spans;
        spans.Count.ShouldBe(trace.Count);
        spans.ShouldAllBe(span => span.TraceId.Length == 32 && span.SpanId.Length == 16);

        var root = spans.Single(span => span.ParentSpanId is null);
        (root.Name, root.Kind, root.Status).ShouldBe(("ImageBuild team-a/hello", 2, null));
        Time(root.StartTimeUnixNano).ShouldBe(Now);
        Time(root.EndTimeUnixNano).ShouldBe(Now.AddSeconds(131));
        root.Attributes.Single(pair => pair.Key == "container.image.tags").Value.ArrayValue!.Values.Select(value => value.StringValue).ShouldBe(["1.0", "latest"]);
        var lost = spans.Single(span => span.Name == "build linux/arm64 attempt 1");
        (lost.Kind, lost.Status!.Code, lost.Status.Message, lost.ParentSpanId).ShouldBe((1, 2, "Infrastructure: BuilderLost", root.SpanId));
        lost.Attributes.Single(pair => pair.Key == "slipway.attempt").Value.IntValue.ShouldBe("1");
        $"00-{lost.TraceId}-{lost.SpanId}-01".ShouldBe(BuildTrace.TraceParent(Build().Metadata.Uid, Key, JobRoles.Build, Arm64, 1));
    }

    [Theory]
    [InlineData(429, null, 1)]
    [InlineData(503, "7", 7)]
    [InlineData(502, "3600", 30)]
    public async Task Export_WhenTheReceiverIsBusy_ComesAgainWhenItMay(int status, string? retryAfter, int seconds)
    {
        _receiver.Answers.Enqueue((status, retryAfter));
        _exporter.Export(BuildTrace.Of(Pass(Publishing, Jobs), Done));
        var first = await _receiver.NextAsync();

        await _time.PassAsync(TimeSpan.FromSeconds(seconds));

        (await _receiver.NextAsync()).Body.ShouldBe(first.Body);
        await _exporter.StopAsync(TestContext.Current.CancellationToken);
        (_metrics.Sent.Value, _metrics.Dropped.Value).ShouldBe((1, 0));
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(307)]
    public async Task Export_WhenTheReceiverRefusesForGood_DropsItAndSaysSoOnce(int status)
    {
        _receiver.Answers.Enqueue((status, null));
        _exporter.Export(BuildTrace.Of(Pass(Publishing, Jobs), Done));

        await _receiver.NextAsync();
        await _log.LineAsync($"it answered {status}");

        (_metrics.Sent.Value, _metrics.Dropped.Value, _receiver.Waiting).ShouldBe((0, 1, 0));
        _log.Lines.ShouldAllBe(line => !line.Contains("abc", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Export_WhenNobodyListens_GivesUpAfterSomeTriesAndGoesOn()
    {
        await _receiver.DisposeAsync();
        _exporter.Export(BuildTrace.Of(Pass(Publishing, Jobs), Done));
        foreach (var wait in new[] { 1, 2, 4, 8 }) await _time.PassAsync(TimeSpan.FromSeconds(wait));

        await _log.LineAsync("traces are lost");

        _metrics.Dropped.Value.ShouldBe(1);
    }

    [Fact]
    public async Task Export_WhenTheLineIsFull_NeverWaits()
    {
        await _exporter.StopAsync(TestContext.Current.CancellationToken);
        using var idle = new OtlpExporter(new OtlpOptions { Endpoint = _receiver.Endpoint }, _metrics, _certain, _time, _log);

        for (var trace = 0; trace < OtlpExporter.LineLength + 3; trace++) idle.Export([]);

        _metrics.Dropped.Value.ShouldBe(3);
    }

    [Fact]
    public async Task Stop_WhenTracesWait_SendsThemFirst()
    {
        for (var trace = 0; trace < 120; trace++) _exporter.Export(BuildTrace.Of(Pass(Publishing, Jobs), Done));

        await _exporter.StopAsync(TestContext.Current.CancellationToken);

        (_metrics.Sent.Value, _metrics.Dropped.Value).ShouldBe((120, 0));
    }

    private static DateTimeOffset Time(string nanoseconds) => DateTimeOffset.UnixEpoch.AddTicks(long.Parse(nanoseconds, CultureInfo.InvariantCulture) / 100);
}
