using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Slipway.Registry;

/// <summary>repository[:tag][@digest].</summary>
internal sealed partial record ImageReference
{
    public required RepositoryName Repository { get; init; }

    public string? Tag { get; init; }

    public string? Digest { get; init; }

    public static ImageReference Parse(string text) =>
        TryParse(text, out var reference, out var problem) ? reference : throw new FormatException(problem);

    public static bool TryParse(string text, [NotNullWhen(true)] out ImageReference? reference, [NotNullWhen(false)] out string? problem)
    {
        reference = null;
        var (rest, digest) = Cut(text, text.IndexOf('@', StringComparison.Ordinal));
        // A colon before the last slash belongs to the host's port.
        var colon = rest.LastIndexOf(':');
        var (name, tag) = Cut(rest, colon > rest.LastIndexOf('/') ? colon : -1);
        if (!RepositoryName.TryParse(name, out var repository, out problem))
        {
            return false;
        }

        problem = tag is not null && !IsTag(tag) ? "its tag is not 1 to 128 letters, digits, '_', '.' and '-'"
            : digest is not null && !Digests.IsValid(digest) ? "its digest is not sha256: and 64 hexadecimal digits"
            : null;
        if (problem is not null)
        {
            return false;
        }

        reference = new ImageReference { Repository = repository, Tag = tag, Digest = digest };
        return true;
    }

    public static bool IsTag(string text) => TagPattern().IsMatch(text);

    public override string ToString() =>
        Repository + (Tag is null ? "" : ":" + Tag) + (Digest is null ? "" : "@" + Digest);

    private static (string Head, string? Tail) Cut(string text, int at) =>
        at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\z")]
    private static partial Regex TagPattern();
}
