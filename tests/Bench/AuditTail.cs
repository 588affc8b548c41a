using System.Text;
using System.Text.Json;

namespace Slipway.Bench;

/// <summary>What a user has asked of the API server since the last look. Leases are left out, Events are not. A watch counts when it opens.</summary>
internal sealed class AuditTail(string file, string user)
{
    private readonly byte[] _user = Encoding.UTF8.GetBytes($"\"{user}\"");
    private long _position;

    /// <summary>The log is read once, however long it grows.</summary>
    public List<AuditEntry> Read()
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Position = _position;
        var rest = new byte[stream.Length - _position];
        stream.ReadExactly(rest);
        var entries = new List<AuditEntry>();
        var from = 0;
        // A last line without an end is not there yet.
        for (int length; (length = rest.AsSpan(from).IndexOf((byte)'\n')) >= 0; from += length + 1)
        {
            var line = rest.AsMemory(from, length);
            if (line.Span.IndexOf(_user) >= 0 && Entry(line) is { } entry) entries.Add(entry);
        }

        _position += from;
        return entries;
    }

    private AuditEntry? Entry(ReadOnlyMemory<byte> line)
    {
        using var document = JsonDocument.Parse(line);
        var root = document.RootElement;
        var verb = Text(root, "verb");
        var counted = verb == "watch" ? "ResponseStarted" : "ResponseComplete";
        if (Text(root, "stage") != counted || Text(root.GetProperty("user"), "username") != user) return null;
        var target = root.TryGetProperty("objectRef", out var named) ? named : default;
        if (Text(target, "resource") == "leases") return null;
        var code = root.TryGetProperty("responseStatus", out var status) ? status.GetProperty("code").GetInt32() : 0;
        return new AuditEntry(user, verb!, Text(target, "resource") ?? "", Text(target, "subresource"), Text(target, "namespace") ?? "", Text(target, "name"), code);
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value.GetString() : null;
}

internal static class AuditSummary
{
    /// <summary>What was asked, how often in each of several runs, and with which answer where that was a refusal.</summary>
    public static string Summary(this IEnumerable<AuditEntry> entries, int runs) => string.Join(", ", entries
        .CountBy(entry => $"{entry.Verb} {entry.Resource}{(entry.Subresource is { } part ? "/" + part : "")}{(entry.Code >= 300 ? $" ({entry.Code})" : "")}")
        .OrderByDescending(count => count.Value).Select(count => $"{Figure.Text(count.Value / (double)runs)} {count.Key}"));
}
