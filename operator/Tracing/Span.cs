namespace Slipway.Tracing;

/// <summary>Where in which trace: lower-case hexadecimal, 16 bytes and 8.</summary>
internal readonly record struct SpanContext(string TraceId, string SpanId)
{
    /// <summary>W3C trace context, sampled: what a process that is to speak of the same trace is handed.</summary>
    public string TraceParent => $"00-{TraceId}-{SpanId}-01";
}

/// <summary>Something that has ended, and how. It says its own ids: who comes after a restart speaks of the same span.</summary>
internal sealed record Span
{
    public required SpanContext Context { get; init; }

    /// <summary>Null for the root.</summary>
    public string? ParentSpanId { get; init; }

    public required string Name { get; init; }

    public SpanKind Kind { get; init; } = SpanKind.Internal;

    public required DateTimeOffset Start { get; init; }

    public required DateTimeOffset End { get; init; }

    public IReadOnlyList<SpanAttribute> Attributes { get; init; } = [];

    /// <summary>Why it failed, in two words; null where it did not.</summary>
    public string? Error { get; init; }
}

/// <summary>The numbers are OTLP's.</summary>
internal enum SpanKind
{
    Internal = 1,
    Server = 2,
}

/// <summary>A text, several, or a number.</summary>
internal sealed record SpanAttribute(string Name, params IReadOnlyList<string> Texts)
{
    public SpanAttribute(string name, long number)
        : this(name) => Number = number;

    public long? Number { get; }

    /// <summary>Several, even where it is one.</summary>
    public bool Many { get; init; }
}

/// <summary>Takes spans and sends them behind everybody's back: exporting neither waits nor fails.</summary>
internal interface ISpanExporter
{
    /// <param name="trace">Spans that go together.</param>
    void Export(IReadOnlyList<Span> trace);
}
