using System.Diagnostics;

namespace Slipway.Tests.Integration;

/// <summary>tests/cluster/cluster, which starts what is not running and is quick where everything is.</summary>
internal static class ClusterScript
{
    /// <summary>The exit code and what was said last.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(CancellationToken cancel, params string[] arguments)
    {
        using var script = Process.Start(new ProcessStartInfo(Repository.Path("tests", "cluster", "cluster"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        }) ?? throw new InvalidOperationException("tests/cluster/cluster did not start");
        script.StandardInput.Close();
        // What the script starts may hold the pipes open: the end of the script is the end, not that of its output.
        var output = new List<string>();
        script.OutputDataReceived += (_, line) => Add(output, line.Data);
        script.ErrorDataReceived += (_, line) => Add(output, line.Data);
        script.BeginOutputReadLine();
        script.BeginErrorReadLine();
        while (!script.HasExited) await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, cancel);
        lock (output) return (script.ExitCode, string.Join('\n', output.TakeLast(30)));
    }

    private static void Add(List<string> output, string? line)
    {
        if (line is null) return;
        lock (output) output.Add(line);
    }
}
