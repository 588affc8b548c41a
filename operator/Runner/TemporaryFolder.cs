namespace Slipway.Runner;

/// <summary>A folder for this process's own eyes (0700), gone with the run.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("slipway-");

    public string Path => _folder.FullName;

    /// <summary>Written with 0600 from the first byte on.</summary>
    public string Write(string name, string content)
    {
        var path = System.IO.Path.Combine(Path, name);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var stream = new FileStream(path, options);
        using var writer = new StreamWriter(stream);
        writer.Write(content);
        return path;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}

internal static class RunnerEnvironment
{
    /// <summary>Where the programs are found; the one thing taken from our own environment.</summary>
    public static string Path { get; } = Environment.GetEnvironmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin";
}
