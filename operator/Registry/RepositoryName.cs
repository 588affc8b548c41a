using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Slipway.Registry;

/// <summary>
/// A repository in a registry, host[:port]/path. Short names mean Docker Hub, as they do for everyone else's tools.
/// The grammar leaves no room for commas, whitespace or a leading dash, so that a name can be put into
/// comma-separated attributes and argument lists as it is.
/// </summary>
internal sealed partial record RepositoryName
{
    private const string DockerHub = "docker.io";
    private const int MaxLength = 255;

    private RepositoryName(string host, string path)
    {
        Host = host;
        Path = path;
    }

    public string Host { get; }

    public string Path { get; }

    /// <summary>The host that answers /v2/: Docker Hub's API lives under another name than its images.</summary>
    public string ApiHost => Host == DockerHub ? "registry-1.docker.io" : Host;

    public static RepositoryName Parse(string text) =>
        TryParse(text, out var name, out var problem) ? name : throw new FormatException(problem);

    public static bool TryParse(string text, [NotNullWhen(true)] out RepositoryName? name, [NotNullWhen(false)] out string? problem)
    {
        name = null;
        var (host, path) = Split(text);
        problem = text.Length is 0 or > MaxLength ? $"a repository has 1 to {MaxLength} characters"
            : !HostPattern().IsMatch(host) ? "its host is not a host name with an optional port"
            : PortOf(host) is 0 or > 65535 ? "its port is not between 1 and 65535"
            : !PathPattern().IsMatch(path) ? "its path is not made of lower-case letters, digits and single separators (no tag, no digest, no comma, no whitespace)"
            : null;
        if (problem is not null)
        {
            return false;
        }

        name = new RepositoryName(host, path);
        return true;
    }

    public override string ToString() => $"{Host}/{Path}";

    private static (string Host, string Path) Split(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var first = slash < 0 ? "" : text[..slash];
        var namesHost = first == "localhost" || first.AsSpan().IndexOfAny('.', ':') >= 0;
        var (host, path) = namesHost ? (first, text[(slash + 1)..]) : (DockerHub, text);
        if (host is "index.docker.io" or "registry-1.docker.io")
        {
            host = DockerHub;
        }

        return (host, host == DockerHub && !path.Contains('/', StringComparison.Ordinal) ? $"library/{path}" : path);
    }

    private static int PortOf(string host)
    {
        var colon = host.LastIndexOf(':');
        return colon < 0 || host.EndsWith(']') ? 443
            : int.TryParse(host[(colon + 1)..], System.Globalization.NumberStyles.None, null, out var port) ? port : 0;
    }

    [GeneratedRegex(@"\A(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?\z")]
    private static partial Regex HostPattern();

    [GeneratedRegex(@"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\z")]
    private static partial Regex PathPattern();
}
