using System.Globalization;
using System.Text.RegularExpressions;

namespace Slipway.Pools;

/// <summary>
/// What a version of BuildKit can do. An unknown version (an image named by digest, a build of one's own) counts as the newest:
/// buildkitd.toml is not decoded strictly, so a key that a daemon does not know yet does no harm.
/// </summary>
internal sealed partial record BuildkitFeatures
{
    /// <summary>Null where it is not known. Of two numbers where the third is not given.</summary>
    public Version? Version { get; private init; }

    /// <summary>frontend tables of buildkitd.toml (moby/buildkit#4899). Older daemons take any frontend, whatever the pool says.</summary>
    public bool RestrictsFrontends => AtLeast(0, 15);

    /// <param name="version">As buildkitd prints it, v0.32.2, or an image whose tag begins with it.</param>
    public static BuildkitFeatures Of(string? version)
    {
        var match = Shape().Match(version ?? "");
        return new BuildkitFeatures { Version = match.Success ? VersionOf(match) : null };
    }

    private static Version VersionOf(Match match) => match.Groups[3].Success
        ? new Version(Number(match, 1), Number(match, 2), Number(match, 3))
        : new Version(Number(match, 1), Number(match, 2));

    private bool AtLeast(int major, int minor) => Version is null || Version >= new Version(major, minor);

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    // The tag is what follows the last colon that no slash follows: a registry's port is none, and neither is a digest.
    [GeneratedRegex("^(?:.*:)?v?([0-9]{1,4})\\.([0-9]{1,4})(?:\\.([0-9]{1,4}))?(?:[-+_.][^/:@]*)?(?:@sha256:[0-9a-f]+)?$")]
    private static partial Regex Shape();
}
