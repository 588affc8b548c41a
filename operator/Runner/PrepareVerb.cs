namespace Slipway.Runner;

/// <summary>slipway prepare: which commit a branch or tag means, decided once for all platforms.</summary>
internal sealed class PrepareVerb(GitLookup git, TextWriter log, TimeProvider time)
{
    public Task<RunResult> RunAsync(PrepareDescription description, CancellationToken interrupted) => RunReport.OfAsync(
        async report =>
        {
            var commit = await CommitAsync(description, interrupted);
            await log.WriteLineAsync($"{description.Git.Revision} of {description.Git.Url} is {commit}");
            report.Result = report.Result with { Commit = commit };
        },
        log,
        time);

    private async Task<string> CommitAsync(PrepareDescription description, CancellationToken interrupted)
    {
        try
        {
            return await git.CommitAsync(description.Git, TimeSpan.FromSeconds(description.TimeoutSeconds), interrupted);
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            throw new RunFailureException(Deadline.Interrupted);
        }
    }
}
