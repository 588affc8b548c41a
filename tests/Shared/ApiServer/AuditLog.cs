using System.Text;
using System.Text.Json.Nodes;

namespace Slipway.Tests.ApiServer;

/// <summary>One request, as the API server wrote it down.</summary>
internal sealed record AuditEntry(string User, string Verb, string Resource, string? Subresource, string Namespace, string? Name, int Code)
{
    public bool IsWrite => Verb is "create" or "update" or "patch" or "delete" or "deletecollection";

    /// <summary>A write that was not refused. A pass that is too late for its own write is refused with a conflict, and comes again.</summary>
    public bool Changed => IsWrite && Code is >= 200 and < 300;

    /// <summary>A list or a get. Watches are how stores hear of changes.</summary>
    public bool IsRead => Verb is "get" or "list";

    public override string ToString() => $"{Verb} {Resource}{(Subresource is null ? "" : "/" + Subresource)} {Namespace}/{Name} {Code}";
}

/// <summary>What the operator asked of the API server. The server writes a line before it answers.</summary>
internal sealed class AuditLog(string file, string user)
{
    /// <summary>For <see cref="Since"/>: where the next line begins, looked for from an earlier mark on.</summary>
    public long Mark(long from = 0) => Read(from).End;

    /// <summary>The operator's requests, leases and events aside.</summary>
    public IReadOnlyList<AuditEntry> Since(long mark = 0) => Next(ref mark);

    /// <summary>The same, and moves the mark behind them.</summary>
    public IReadOnlyList<AuditEntry> Next(ref long mark)
    {
        (var lines, mark) = Read(mark);
        return [.. lines.Select(Entry).OfType<AuditEntry>().Where(entry => entry.User == user && entry.Resource is not ("leases" or "events"))];
    }

    private (string[] Lines, long End) Read(long from)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Position = from;
        var bytes = new byte[stream.Length - from];
        stream.ReadExactly(bytes);
        // The server is writing to it; a last line without an end is not there yet.
        var whole = Array.LastIndexOf(bytes, (byte)'\n') + 1;
        return (Encoding.UTF8.GetString(bytes, 0, whole).Split('\n', StringSplitOptions.RemoveEmptyEntries), from + whole);
    }

    private static AuditEntry? Entry(string line)
    {
        var entry = JsonNode.Parse(line)!;
        // Long requests are written twice, at their start and at their end.
        if (entry["objectRef"] is not { } target || (string?)entry["stage"] != "ResponseComplete") return null;
        return new AuditEntry(
            (string?)entry["user"]?["username"] ?? "", (string)entry["verb"]!, (string?)target["resource"] ?? "", (string?)target["subresource"],
            (string?)target["namespace"] ?? "", (string?)target["name"], (int?)entry["responseStatus"]?["code"] ?? 0);
    }
}
