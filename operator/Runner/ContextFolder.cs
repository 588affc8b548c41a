namespace Slipway.Runner;

/// <summary>
/// A build context of plain files. The kubelet mounts a ConfigMap as links into a hidden folder that it can swap at once;
/// BuildKit takes links as what they are, and a COPY of one would put a link that leads nowhere into the image.
/// </summary>
internal static class ContextFolder
{
    /// <summary>The kubelet's own entries: ..data and the folder that it points at.</summary>
    private const string Hidden = "..";

    public static void Copy(string mounted, string target)
    {
        Directory.CreateDirectory(target);
        foreach (var entry in new DirectoryInfo(mounted).EnumerateFileSystemInfos().Where(entry => !entry.Name.StartsWith(Hidden, StringComparison.Ordinal)))
        {
            var copy = Path.Combine(target, entry.Name);
            if (Directory.Exists(entry.FullName)) Copy(entry.FullName, copy);
            else File.WriteAllBytes(copy, File.ReadAllBytes(entry.FullName));
        }
    }
}
