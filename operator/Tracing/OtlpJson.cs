using System.Globalization;
using System.Text.Json;

namespace Slipway.Tracing;

/// <summary>
/// ExportTraceServiceRequest in OTLP's JSON encoding, which is stable: ids in hexadecimal, enums as numbers, 64-bit numbers as text.
/// </summary>
internal static class OtlpJson
{
    private const string Scope = "slipway.dev/builds";
    private const int StatusError = 2;
    private const long NanosecondsPerTick = 100;

    private static readonly string Version = typeof(OtlpJson).Assembly.GetName().Version?.ToString(3) ?? "";

    public static byte[] Request(IEnumerable<Span> spans, IReadOnlyDictionary<string, string> resource)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteStartArray("resourceSpans");
            json.WriteStartObject();
            json.WriteStartObject("resource");
            Write(json, [.. resource.Select(pair => new SpanAttribute(pair.Key, pair.Value))]);
            json.WriteEndObject();
            json.WriteStartArray("scopeSpans");
            json.WriteStartObject();
            json.WriteStartObject("scope");
            json.WriteString("name", Scope);
            json.WriteString("version", Version);
            json.WriteEndObject();
            json.WriteStartArray("spans");
            foreach (var span in spans) Write(json, span);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return body.ToArray();
    }

    private static void Write(Utf8JsonWriter json, Span span)
    {
        json.WriteStartObject();
        json.WriteString("traceId", span.Context.TraceId);
        json.WriteString("spanId", span.Context.SpanId);
        if (span.ParentSpanId is { } parent) json.WriteString("parentSpanId", parent);
        json.WriteString("name", span.Name);
        json.WriteNumber("kind", (int)span.Kind);
        json.WriteString("startTimeUnixNano", Nanoseconds(span.Start));
        json.WriteString("endTimeUnixNano", Nanoseconds(span.End));
        Write(json, span.Attributes);
        if (span.Error is { } error)
        {
            json.WriteStartObject("status");
            json.WriteString("message", error);
            json.WriteNumber("code", StatusError);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, IReadOnlyList<SpanAttribute> attributes)
    {
        json.WriteStartArray("attributes");
        foreach (var attribute in attributes)
        {
            json.WriteStartObject();
            json.WriteString("key", attribute.Name);
            json.WritePropertyName("value");
            WriteValue(json, attribute);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteValue(Utf8JsonWriter json, SpanAttribute attribute)
    {
        json.WriteStartObject();
        if (attribute.Number is { } number)
        {
            json.WriteString("intValue", number.ToString(CultureInfo.InvariantCulture));
        }
        else if (attribute.Many)
        {
            json.WriteStartObject("arrayValue");
            json.WriteStartArray("values");
            foreach (var text in attribute.Texts)
            {
                json.WriteStartObject();
                json.WriteString("stringValue", text);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }
        else
        {
            json.WriteString("stringValue", attribute.Texts[0]);
        }

        json.WriteEndObject();
    }

    private static string Nanoseconds(DateTimeOffset time) =>
        ((time - DateTimeOffset.UnixEpoch).Ticks * NanosecondsPerTick).ToString(CultureInfo.InvariantCulture);
}
