using Slipway.Runner;

namespace Slipway.Tests.Unit.Runner;

public sealed class ContextFolderTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("slipway-context-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Copy_OfAMountedConfigMap_HoldsPlainFilesAlone()
    {
        var mounted = Path.Combine(_root, "mounted");
        Directory.CreateDirectory(Path.Combine(mounted, "..2026_11_24", "src"));
        File.WriteAllText(Path.Combine(mounted, "..2026_11_24", "Dockerfile"), "FROM scratch");
        File.WriteAllText(Path.Combine(mounted, "..2026_11_24", "src", "main.c"), "int main;");
        File.CreateSymbolicLink(Path.Combine(mounted, "..data"), "..2026_11_24");
        File.CreateSymbolicLink(Path.Combine(mounted, "Dockerfile"), "..data/Dockerfile");
        File.CreateSymbolicLink(Path.Combine(mounted, "src"), "..data/src");

        var target = Path.Combine(_root, "copy");
        ContextFolder.Copy(mounted, target);

        var entries = new DirectoryInfo(target).EnumerateFileSystemInfos("*", SearchOption.AllDirectories).ToList();
        entries.Select(entry => Path.GetRelativePath(target, entry.FullName)).ShouldBe(["Dockerfile", "src", "src/main.c"], ignoreOrder: true);
        entries.ShouldAllBe(entry => entry.LinkTarget == null);
        File.ReadAllText(Path.Combine(target, "src", "main.c")).ShouldBe("int main;");
    }
}
