using System.Diagnostics;

namespace Slipway.Tests.E2E;

/// <summary>Programs of the checkout, run with an argument array.</summary>
internal static class Shell
{
    /// <summary>Standard output; throws with everything that the program wrote where it failed.</summary>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var (exitCode, output, errors) = await TryAsync(program, arguments);
        return exitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {exitCode}:\n{output}\n{errors}");
    }

    public static async Task<(int ExitCode, string Output, string Errors)> TryAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program.Contains('/', StringComparison.Ordinal) ? Repository.Path(program) : program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Root };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        await process.WaitForExitAsync(CancellationToken.None);
        return (process.ExitCode, await output, await errors);
    }
}
