using System.Globalization;
using k8s.Models;

namespace Slipway.Tests.E2E.Faults;

/// <summary>Processes of a pod on this machine, by its uid in their cgroup: those of RUN steps are in that of the builder that runs them.</summary>
internal static class PodProcesses
{
    /// <summary>The ids of the pod's processes whose command line has one of these texts in it; its words are separated by NUL.</summary>
    public static IReadOnlyList<int> Of(V1Pod pod, params string[] markers) => [.. Found(pod, markers).Select(found => found.Id)];

    /// <summary>The same, a line for each.</summary>
    public static IReadOnlyList<string> Lines(V1Pod pod, params string[] markers) =>
        [.. Found(pod, markers).Select(found => string.Create(CultureInfo.InvariantCulture, $"process {found.Id}: {found.Command.Replace('\0', ' ').TrimEnd()}"))];

    /// <summary>A file of a process; empty where it is gone.</summary>
    public static string Read(string folder, string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, file));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static IEnumerable<(int Id, string Command)> Found(V1Pod pod, string[] markers)
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id)) continue;
            var command = Read(folder, "cmdline");
            if (markers.Any(marker => command.Contains(marker, StringComparison.Ordinal)) && Read(folder, "cgroup").Contains($"pod{pod.Metadata.Uid}", StringComparison.Ordinal)) yield return (id, command);
        }
    }
}
