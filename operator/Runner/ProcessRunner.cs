using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Slipway.Runner;

/// <summary>A program, its arguments and the whole of its environment: nothing is inherited.</summary>
internal sealed record ProcessCommand
{
    public required string Program { get; init; }

    public required IReadOnlyList<string> Arguments { get; init; }

    public required IReadOnlyDictionary<string, string> Environment { get; init; }
}

internal interface IProcessRunner
{
    IRunningProcess Start(ProcessCommand command);
}

internal interface IRunningProcess : IDisposable
{
    TextReader Output { get; }

    TextReader Error { get; }

    /// <summary>The exit code, once it has ended.</summary>
    Task<int> Exit { get; }

    /// <summary>SIGINT: asks it to end.</summary>
    void Interrupt();

    /// <summary>SIGKILL.</summary>
    void Kill();
}

internal sealed class ProcessRunner : IProcessRunner
{
    public IRunningProcess Start(ProcessCommand command)
    {
        var start = new ProcessStartInfo(command.Program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in command.Arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Clear();
        foreach (var (name, value) in command.Environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"{command.Program} did not start");
        process.StandardInput.Close();
        return new RunningProcess(process);
    }

    private sealed class RunningProcess(Process process) : IRunningProcess
    {
        private const int SigInt = 2;

        public TextReader Output => process.StandardOutput;

        public TextReader Error => process.StandardError;

        public Task<int> Exit { get; } = ExitAsync(process);

        public void Interrupt()
        {
            if (!process.HasExited)
            {
                // Process knows only SIGKILL, which would leave the solve running on the builder.
                _ = SendSignal(process.Id, SigInt);
            }
        }

        public void Kill() => process.Kill(entireProcessTree: true);

        public void Dispose() => process.Dispose();

        private static async Task<int> ExitAsync(Process process)
        {
            await process.WaitForExitAsync();
            return process.ExitCode;
        }

        [DllImport("libc", EntryPoint = "kill")]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        private static extern int SendSignal(int pid, int signal);
    }
}
