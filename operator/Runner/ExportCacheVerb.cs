namespace Slipway.Runner;

/// <summary>
/// slipway export-cache, beside slipway build in one pod: once the image is pushed, the same build over again, all of it in the
/// builder's own cache by then, to write the remote one. Nobody waits for it, and its failure fails nothing.
/// </summary>
internal sealed class ExportCacheVerb(IProcessRunner processes, IBuilderProbe probe, TextWriter log, TimeProvider time)
{
    private readonly Solver _solver = new(processes, probe, log, time);

    public async Task<RunResult> RunAsync(ExportCacheDescription description, CancellationToken interrupted)
    {
        var result = await RunReport.OfAsync(
            async report =>
            {
                var export = await WaitAsync(description, interrupted) is { } built ? await WriteAsync(built, description, interrupted) : new CacheExportResult();
                await log.WriteLineAsync(export switch
                {
                    { Written: true } => "The cache is written.",
                    { Problem: { } problem } => problem.Message,
                    _ => "There is no image, and no cache is written.",
                });
                report.Result = report.Result with { CacheExport = export };
            },
            log,
            time);
        return result.Failure is not { } failure ? result : result with { Failure = null, CacheExport = CacheProblems.NotWritten(failure.Message) };
    }

    private async Task<BuiltOnce?> WaitAsync(ExportCacheDescription description, CancellationToken interrupted)
    {
        try
        {
            return await Handover.WaitAsync(description.HandoverDirectory, time, interrupted);
        }
        catch (OperationCanceledException)
        {
            throw new RunFailureException(Deadline.Interrupted);
        }
    }

    private async Task<CacheExportResult> WriteAsync(BuiltOnce built, ExportCacheDescription description, CancellationToken interrupted)
    {
        using var deadline = new Deadline(TimeSpan.FromSeconds(description.TimeoutSeconds), time, interrupted);
        // Keys of a session may have run out since the build began.
        var (cache, problem) = await CacheAccess.OpenAsync(built.Build.Cache!, deadline.Token);
        if (cache is null) return new() { Problem = problem };
        using var workplace = new Workplace();
        var solve = workplace.Prepare(built.Build, RunnerRegistry.Config(built.Build.Output), cache) with { WritesCache = true, Imports = built.Imports };
        try
        {
            var outcome = await _solver.RunAsync(solve, deadline, interrupted);
            if (CacheProblems.OfBuild(outcome) is { } broken)
            {
                // The image needed nothing of what is gone, but the whole cache does.
                await log.WriteLineAsync($"{broken.Message} Building once more without it, to write it afresh.");
                outcome = await _solver.RunAsync(solve with { Imports = false, RunsEveryStep = true }, deadline, interrupted);
            }

            return CacheProblems.OfExport(outcome, deadline);
        }
        finally
        {
            await _solver.ForgetAsync(solve);
        }
    }
}
