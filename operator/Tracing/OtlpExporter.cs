using System.Net;
using System.Net.Http.Headers;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Slipway.Kube;

namespace Slipway.Tracing;

/// <summary>
/// Sends traces by OTLP/HTTP in JSON: one loop, a bounded line in front of it. The SDK for .NET gives every span an id by chance; a
/// build's are told to its Jobs long before the span is there, and must be the same after a restart.
/// </summary>
internal sealed partial class OtlpExporter : BackgroundService, ISpanExporter
{
    internal const int LineLength = 500;
    private const int Tries = 5;

    private const int AtOnce = 50;
    private static readonly TimeSpan RequestLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);
    private static readonly Backoff Backoff = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));

    private readonly OtlpOptions _options;
    private readonly TraceMetrics _metrics;
    private readonly OperatorOptions _operator;
    private readonly TimeProvider _time;
    private readonly ILogger<OtlpExporter> _logger;
    private readonly HttpClient _http;
    private readonly Channel<IReadOnlyList<Span>> _line;

    public OtlpExporter(OtlpOptions options, TraceMetrics metrics, OperatorOptions @operator, TimeProvider time, ILogger<OtlpExporter> logger)
    {
        (_options, _metrics, _operator, _time, _logger) = (options, metrics, @operator, time, logger);
        // To the address that was set and to no other. Limits are kept by our own clock.
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Timeout.InfiniteTimeSpan };
        foreach (var (name, value) in options.Headers) _http.DefaultRequestHeaders.TryAddWithoutValidation(name, value);
        var line = new BoundedChannelOptions(LineLength) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true };
        _line = Channel.CreateBounded<IReadOnlyList<Span>>(line, _ => metrics.Dropped.Inc());
    }

    public void Export(IReadOnlyList<Span> trace) => _line.Writer.TryWrite(trace);

    /// <summary>What waits is sent, for as long as there is time.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _line.Writer.TryComplete();
        if (ExecuteTask is { } sending) await Task.WhenAny(sending, Task.Delay(StopLimit, _time, cancellationToken));
        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        base.Dispose();
        _http.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await _line.Reader.WaitToReadAsync(stoppingToken))
        {
            var batch = new List<IReadOnlyList<Span>>();
            while (batch.Count < AtOnce && _line.Reader.TryRead(out var trace)) batch.Add(trace);
            await SendAsync(batch, stoppingToken);
        }
    }

    private async Task SendAsync(List<IReadOnlyList<Span>> batch, CancellationToken cancellationToken)
    {
        var body = OtlpJson.Request(batch.SelectMany(trace => trace), _options.Resource);
        for (var attempt = 1; ; attempt++)
        {
            var answer = await PostAsync(body, cancellationToken);
            if (answer.Taken)
            {
                _metrics.Sent.Inc(batch.Count);
                return;
            }

            if (!answer.MayHelp || attempt == Tries)
            {
                _metrics.Dropped.Inc(batch.Count);
                LogDropped(batch.Count, _options.Traces, answer.Trouble);
                return;
            }

            await Task.Delay(answer.RetryAfter ?? Backoff.Delay(attempt, _operator.Jitter()), _time, cancellationToken);
        }
    }

    /// <summary>An answer's own text is not looked at: it may be of any length.</summary>
    private async Task<Answer> PostAsync(byte[] body, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(RequestLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Post, _options.Traces) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            return Answer.Of(response, _time.GetUtcNow());
        }
        catch (HttpRequestException failed)
        {
            return new Answer(false, true, failed.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new Answer(false, true, "there was no answer in time");
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Count} traces are lost, {Endpoint} did not take them: {Trouble}. Check --otlp-endpoint, which speaks OTLP over HTTP (port 4318 as a rule)")]
    private partial void LogDropped(int count, Uri endpoint, string trouble);

    /// <summary>What OTLP says of an answer: which refusals are worth another try, and when.</summary>
    private sealed record Answer(bool Taken, bool MayHelp, string Trouble)
    {
        public TimeSpan? RetryAfter { get; init; }

        public static Answer Of(HttpResponseMessage response, DateTimeOffset now)
        {
            var asked = response.Headers.RetryAfter?.Delta ?? (response.Headers.RetryAfter?.Date - now);
            return new Answer(
                response.IsSuccessStatusCode,
                response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout,
                $"it answered {(int)response.StatusCode}")
            {
                RetryAfter = asked is not { } wait ? null : wait < TimeSpan.Zero ? TimeSpan.Zero : wait > LongestWait ? LongestWait : wait,
            };
        }
    }
}
