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
    /// <summary>For <see cref="Since"/>.</summary>
    public int Mark() => Lines().Count;

    /// <summary>The operator's requests, leases and events aside.</summary>
    public IReadOnlyList<AuditEntry> Since(int mark = 0) =>
        [.. Lines().Skip(mark).Select(Entry).OfType<AuditEntry>().Where(entry => entry.User == user && entry.Resource is not ("leases" or "events"))];

    private List<string> Lines()
    {
        // The server is writing to it; a last line without an end is not there yet.
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        var text = reader.ReadToEnd();
        return [.. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries)];
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
