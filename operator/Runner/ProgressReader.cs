using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Slipway.Runner;

/// <summary>A step as all updates together tell it.</summary>
internal sealed record Vertex
{
    /// <summary>In the order of first activity; what the log calls #5.</summary>
    public required int Number { get; init; }

    public required string Name { get; init; }

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Completed { get; init; }

    public bool Cached { get; init; }

    public string? Error { get; init; }

    public bool IsCacheImport => Name.StartsWith("importing cache", StringComparison.Ordinal);

    /// <summary>A line of the Dockerfile, rather than work of BuildKit's own.</summary>
    public bool IsStep => Name.StartsWith('[') && !Name.StartsWith("[internal]", StringComparison.Ordinal) && !Name.StartsWith("[auth]", StringComparison.Ordinal);
}

/// <summary>
/// Reads buildctl's stderr line by line: adds up the updates by vertex, and answers each line with the lines to print for a
/// person. Lines that are not JSON are buildctl's own words, among them the final error.
/// </summary>
internal sealed class ProgressReader
{
    private const int MaxTail = 60;
    private const int MaxTailLine = 4000;
    private const int MaxPartialLine = 16 * 1024;
    private const int MaxObjectLines = 20_000;

    private readonly Dictionary<string, Vertex> _vertices = new(StringComparer.Ordinal);
    private readonly Dictionary<string, StringBuilder> _partialLines = new(StringComparer.Ordinal);
    private readonly HashSet<(string, string)> _doneStatuses = [];
    private readonly Queue<string> _tail = new();
    private readonly List<string> _object = [];

    public IReadOnlyCollection<Vertex> Vertices => _vertices.Values;

    /// <summary>The last lines that were not JSON.</summary>
    public IReadOnlyCollection<string> Tail => _tail;

    /// <summary>
    /// The step that failed: one step's failure cancels those that run beside it, so a cancellation is the cause only where
    /// there is no other; a cache that cannot be imported fails nothing.
    /// </summary>
    public Vertex? Failed
    {
        get
        {
            var failed = _vertices.Values.Where(vertex => vertex.Error is not null && !vertex.IsCacheImport).OrderBy(vertex => vertex.Completed).ToList();
            return failed.FindLast(vertex => !vertex.Error!.Contains("context canceled", StringComparison.Ordinal)) ?? failed.LastOrDefault();
        }
    }

    /// <summary>buildctl 0.13 indents each object over many lines, newer ones write it on one.</summary>
    public IReadOnlyList<string> Read(string line)
    {
        if (_object.Count == 0 && line != "{")
        {
            return Parse(line) is { } single ? Add(single) : Say([line]);
        }

        _object.Add(line);
        if (line is not "{" and not "}" && line.StartsWith(' ') && _object.Count < MaxObjectLines)
        {
            return [];
        }

        if (line == "{" && _object.Count == 1)
        {
            return [];
        }

        string[] lines = [.. _object];
        _object.Clear();
        return Parse(string.Join('\n', lines)) is { } status ? Add(status) : Say(lines);
    }

    /// <summary>What was begun and never ended, once there are no more lines.</summary>
    public IReadOnlyList<string> End()
    {
        string[] lines = [.. _object];
        _object.Clear();
        return Say(lines);
    }

    private string[] Say(string[] lines)
    {
        Array.ForEach(lines, Remember);
        return lines;
    }

    /// <summary>Beginnings first and ends last, whatever else one object brings.</summary>
    private List<string> Add(SolveStatus status)
    {
        List<string> output = [];
        var endsBefore = new Dictionary<string, string?>(StringComparer.Ordinal);
        foreach (var vertex in status.Vertexes ?? [])
        {
            Add(vertex, endsBefore, output);
        }

        foreach (var update in status.Statuses ?? [])
        {
            Add(update, output);
        }

        foreach (var chunk in status.Logs ?? [])
        {
            Add(chunk, output);
        }

        output.AddRange((status.Warnings ?? []).Where(warning => warning.Short is not null).Select(warning => $"WARN: {Text(warning.Short!)}"));
        foreach (var (digest, before) in endsBefore)
        {
            AddEnd(digest, before, output);
        }

        return output;
    }

    private static SolveStatus? Parse(string line)
    {
        if (!line.StartsWith('{'))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(line, BuildctlJson.Default.SolveStatus);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private void Remember(string line)
    {
        _tail.Enqueue(line.Length > MaxTailLine ? line[..MaxTailLine] : line);
        if (_tail.Count > MaxTail)
        {
            _tail.Dequeue();
        }
    }

    private void Add(VertexUpdate update, Dictionary<string, string?> endsBefore, List<string> output)
    {
        if (update.Digest is not { } digest)
        {
            return;
        }

        var known = _vertices.GetValueOrDefault(digest);
        if (known is null && update.Started is null && !update.Cached && string.IsNullOrEmpty(update.Error))
        {
            return; // Announced only: most of a warm build is never run.
        }

        var before = known ?? new Vertex { Number = _vertices.Count + 1, Name = update.Name ?? digest };
        var after = before with
        {
            // A vertex may start again (the same name is asked for twice): its time is counted from the first.
            Started = before.Started ?? update.Started,
            Completed = update.Completed ?? before.Completed,
            Cached = update.Cached || before.Cached,
            Error = string.IsNullOrEmpty(update.Error) ? before.Error : update.Error,
        };
        _vertices[digest] = after;
        if (known is null)
        {
            output.Add($"#{after.Number} {after.Name}");
        }

        endsBefore.TryAdd(digest, Ended(before));
    }

    private void AddEnd(string digest, string? before, List<string> output)
    {
        var vertex = _vertices[digest];
        if (Ended(vertex) is { } end && end != before)
        {
            FlushPartialLine(digest, vertex, output);
            output.Add($"#{vertex.Number} {end}");
        }
    }

    private static string? Ended(Vertex vertex) =>
        vertex.Error is { } error ? $"ERROR: {error}"
        : vertex.Cached ? "CACHED"
        : vertex.Completed is not null ? $"DONE {Seconds(vertex, vertex.Completed)}s"
        : null;

    private void Add(StatusUpdate update, List<string> output)
    {
        if (update is { Vertex: { } digest, Id: { } id, Completed: { } completed } && _vertices.TryGetValue(digest, out var vertex) && _doneStatuses.Add((digest, id)))
        {
            output.Add($"#{vertex.Number} {id} {((update.Started is { } started ? completed - started : TimeSpan.Zero).TotalSeconds).ToString("0.0", CultureInfo.InvariantCulture)}s done");
        }
    }

    /// <summary>Chunks end where they please, lines at newlines.</summary>
    private void Add(LogChunk chunk, List<string> output)
    {
        if (chunk is not { Vertex: { } digest, Data: { } data } || !_vertices.TryGetValue(digest, out var vertex))
        {
            return;
        }

        if (!_partialLines.TryGetValue(digest, out var partial))
        {
            _partialLines[digest] = partial = new StringBuilder();
        }

        foreach (var (text, index) in Text(data).Split('\n').Select((text, index) => (text, index)))
        {
            if (index > 0 || partial.Length > MaxPartialLine)
            {
                output.Add(LogLine(vertex, chunk.Timestamp, partial));
            }

            partial.Append(text);
        }
    }

    private void FlushPartialLine(string digest, Vertex vertex, List<string> output)
    {
        if (_partialLines.TryGetValue(digest, out var partial) && partial.Length > 0)
        {
            output.Add(LogLine(vertex, vertex.Completed, partial));
        }
    }

    private static string LogLine(Vertex vertex, DateTimeOffset? at, StringBuilder partial)
    {
        var line = $"#{vertex.Number} {Seconds(vertex, at, "0.000")} {partial.ToString().TrimEnd('\r')}";
        partial.Clear();
        return line;
    }

    private static string Seconds(Vertex vertex, DateTimeOffset? at, string format = "0.0") =>
        (at is { } end && vertex.Started is { } start ? (end - start).TotalSeconds : 0).ToString(format, CultureInfo.InvariantCulture);

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);
}
