using System.Text.RegularExpressions;

namespace Slipway.Runner;

/// <summary>
/// How much of a build came from cache. FROM lines count for nothing: they are fetched, not built, and BuildKit reports some
/// of them as cached. Left out as well is what BuildKit does on its own account: loading, authorising, importing, exporting,
/// resolving frontends, scanning for the SBOM.
/// </summary>
internal static partial class CacheStats
{
    public static CacheResult Of(ProgressReader progress)
    {
        var steps = progress.Vertices.Where(vertex => IsCounted(vertex.Name) && (vertex.Cached || vertex.Completed is not null)).ToList();
        return new CacheResult { Steps = steps.Count, Cached = steps.Count(step => step.Cached) };
    }

    private static bool IsCounted(string name) => !OwnWork().IsMatch(name) && !From().IsMatch(name);

    [GeneratedRegex(@"\A(?:\[internal\]|\[auth\]|\[[^\]]* internal\]|importing cache|exporting |resolve image config for |docker-image://|\[[^\]]*\] generating sbom )")]
    private static partial Regex OwnWork();

    [GeneratedRegex(@"\A\[[^\]]*\] FROM ")]
    private static partial Regex From();
}
