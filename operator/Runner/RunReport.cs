namespace Slipway.Runner;

/// <summary>
/// What a run has found out so far. It is kept beside the flow, so that a failure on the way loses nothing, and nothing
/// that happens on the way can end a Job without a result.
/// </summary>
internal sealed class RunReport
{
    public RunResult Result { get; set; } = new();

    public static async Task<RunResult> OfAsync(Func<RunReport, Task> run, TextWriter log, TimeProvider time)
    {
        var started = time.GetTimestamp();
        var report = new RunReport();
        RunFailure? failure = null;
        try
        {
            await run(report);
        }
        catch (RunFailureException e)
        {
            failure = e.Failure;
        }
#pragma warning disable CA1031 // A Job that ends without a result tells its owner nothing: every fault becomes one.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure = new RunFailure { Class = FailureClass.Unknown, Reason = FailureReasons.Unrecognised, Message = $"The runner failed ({e.GetType().Name}): see the log of this Job." };
            await log.WriteLineAsync(e.ToString());
        }

        if (failure is not null)
        {
            await log.WriteLineAsync($"{failure.Reason}: {failure.Message}");
        }

        return report.Result with { DurationSeconds = (int)time.GetElapsedTime(started).TotalSeconds, Failure = failure };
    }
}
