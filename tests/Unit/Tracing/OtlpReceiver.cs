using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Slipway.Tests.Unit.Kube;

namespace Slipway.Tests.Unit.Tracing;

/// <summary>Takes OTLP over HTTP as a collector does, on loopback, and reads it by the protocol's own schema: a name that is not in it is refused.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private static readonly JsonSerializerOptions Strict = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        PropertyNameCaseInsensitive = false,
        NumberHandling = JsonNumberHandling.Strict,
    };

    private readonly Channel<ReceivedRequest> _requests = Channel.CreateUnbounded<ReceivedRequest>();
    private readonly WebApplication _app;

    private OtlpReceiver(WebApplication app) => _app = app;

    /// <summary>What to answer, in order; 200 when there is nothing more.</summary>
    public ConcurrentQueue<(int Status, string? RetryAfter)> Answers { get; } = [];

    public Uri Endpoint => new(_app.Urls.Single());

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var receiver = new OtlpReceiver(app);
        app.Run(receiver.ReceiveAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return receiver;
    }

    public Task<ReceivedRequest> NextAsync() => _requests.Reader.ReadAsync(TestContext.Current.CancellationToken).Soon();

    public int Waiting => _requests.Reader.Count;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ReceiveAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync(context.RequestAborted);
        var headers = context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var (status, retryAfter) = Answers.TryDequeue(out var answer) ? answer : (200, null);
        context.Response.StatusCode = status;
        if (retryAfter is not null) context.Response.Headers.RetryAfter = retryAfter;
        if (status == 307) context.Response.Headers.Location = "/elsewhere";
        await _requests.Writer.WriteAsync(new ReceivedRequest(context.Request.Method, context.Request.Path.Value!, headers, body));
    }

    internal sealed record ReceivedRequest(string Method, string Path, IReadOnlyDictionary<string, string> Headers, string Body)
    {
        public ExportRequest Decoded => JsonSerializer.Deserialize<ExportRequest>(Body, Strict)!;
    }

    // opentelemetry-proto: trace_service.proto, trace.proto, common.proto, resource.proto; 64-bit numbers are text in JSON.
    internal sealed record ExportRequest(IReadOnlyList<ResourceSpans> ResourceSpans);

    internal sealed record ResourceSpans(Resource Resource, IReadOnlyList<ScopeSpans> ScopeSpans, string? SchemaUrl = null);

    internal sealed record Resource(IReadOnlyList<KeyValue> Attributes, uint DroppedAttributesCount = 0);

    internal sealed record ScopeSpans(Scope Scope, IReadOnlyList<OtlpSpan> Spans, string? SchemaUrl = null);

    internal sealed record Scope(string Name, string? Version = null);

    internal sealed record OtlpSpan(
        string TraceId, string SpanId, string? ParentSpanId, string Name, int Kind, string StartTimeUnixNano, string EndTimeUnixNano,
        IReadOnlyList<KeyValue> Attributes, SpanStatus? Status = null, uint Flags = 0);

    internal sealed record SpanStatus(string? Message, int Code);

    internal sealed record KeyValue(string Key, AnyValue Value);

    internal sealed record AnyValue(string? StringValue = null, string? IntValue = null, ArrayValue? ArrayValue = null);

    internal sealed record ArrayValue(IReadOnlyList<AnyValue> Values);
}
