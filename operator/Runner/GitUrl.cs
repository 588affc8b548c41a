using System.Text.RegularExpressions;

namespace Slipway.Runner;

/// <summary>Addresses of Git repositories, as git and BuildKit take them.</summary>
internal static partial class GitUrl
{
    /// <summary>Null where the address can be used.</summary>
    public static string? Problem(string url) =>
        url.AsSpan().ContainsAny("#?\\\"'") || url.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)) ? "holds a character that no repository address needs"
        : HttpPattern().IsMatch(url) || SshPattern().IsMatch(url) || ScpPattern().IsMatch(url) ? null
        : "is not https://, http://, ssh:// or user@host:path, without a password in it";

    /// <summary>
    /// BuildKit takes an http address for a tarball unless its path ends in .git; hosts serve a repository under both.
    /// The lookup of the revision uses the same address, so that the two cannot differ.
    /// </summary>
    public static string ForBuildKit(string url)
    {
        var trimmed = url.TrimEnd('/');
        return HttpPattern().IsMatch(url) && !trimmed.EndsWith(".git", StringComparison.Ordinal) ? trimmed + ".git" : trimmed;
    }

    [GeneratedRegex(@"\Ahttps?://[A-Za-z0-9.\-\[\]:]+/[^@]+\z")]
    private static partial Regex HttpPattern();

    [GeneratedRegex(@"\Assh://(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9\[][A-Za-z0-9.\-\[\]:]*/.+\z")]
    private static partial Regex SshPattern();

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^:]+\z")]
    private static partial Regex ScpPattern();
}
