using System.ComponentModel;

namespace Slipway.Runner;

/// <summary>Questions to a builder beside the solve that runs on it.</summary>
internal interface IBuilderProbe
{
    /// <summary>Whether the builder lists its workers to this client: a port that is open proves little, and another builder is none.</summary>
    Task<bool> AnswersAsync(BuilderEndpoint builder, CancellationToken token);

    /// <summary>Whether it still works on the solve of this reference; null where it does not say.</summary>
    Task<bool?> IsSolvingAsync(BuilderEndpoint builder, string reference, CancellationToken token);

    /// <summary>Has it drop its history of solves that have ended. False where it does not say that it has.</summary>
    Task<bool> ForgetAsync(BuilderEndpoint builder, CancellationToken token);
}

/// <summary>Asks as any client does, with buildctl and the build's own certificate, and waits only so long.</summary>
internal sealed class BuilderProbe(IProcessRunner processes, TimeProvider time) : IBuilderProbe
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    public async Task<bool> AnswersAsync(BuilderEndpoint builder, CancellationToken token) =>
        await AskAsync(BuildctlArgs.Workers(builder), token) is not null;

    public async Task<bool?> IsSolvingAsync(BuilderEndpoint builder, string reference, CancellationToken token) =>
        await AskAsync(BuildctlArgs.Histories(builder), token) is { } records
            ? records.Split('\n').Any(record => record.TrimEnd() == $"STARTED {reference}")
            : null;

    public async Task<bool> ForgetAsync(BuilderEndpoint builder, CancellationToken token) =>
        await AskAsync(BuildctlArgs.PruneHistories(builder), token) is not null;

    /// <summary>What it prints; null where it fails, cannot be started or takes too long.</summary>
    private async Task<string?> AskAsync(IReadOnlyList<string> arguments, CancellationToken token)
    {
        using var late = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, late.Token);
        IRunningProcess? process = null;
        try
        {
            process = processes.Start(new ProcessCommand
            {
                Program = "buildctl",
                Arguments = arguments,
                Environment = new Dictionary<string, string> { ["PATH"] = RunnerEnvironment.Path },
            });
            var (output, error) = (process.Output.ReadToEndAsync(either.Token), process.Error.ReadToEndAsync(either.Token));
            await Task.WhenAll(output, error, process.Exit).WaitAsync(either.Token);
            return await process.Exit == 0 ? await output : null;
        }
        catch (Exception e) when (e is Win32Exception or IOException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            return null;
        }
        finally
        {
            if (process is { Exit.IsCompleted: false })
            {
                process.Kill();
            }

            process?.Dispose();
        }
    }
}
