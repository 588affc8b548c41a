namespace Slipway.Runner;

internal enum StopReason
{
    None,
    TimedOut,
    Interrupted,
    BuilderLost,
}

/// <summary>How a run of buildctl ended.</summary>
internal sealed record BuildctlEnd(int ExitCode, StopReason Stopped);

/// <summary>buildctl to run, and where.</summary>
internal sealed record BuildctlCommand
{
    public required ProcessCommand Process { get; init; }

    public required BuilderEndpoint Builder { get; init; }

    /// <summary>Where buildctl writes the builder's name for the solve.</summary>
    public required string RefFile { get; init; }
}

/// <summary>
/// One run of buildctl: reads its progress, prints it, and stops it when its time is over, when this Job is told to end or
/// when its builder is gone. It is interrupted first, so that the solve ends on the builder too, and killed only when
/// that does not help.
/// </summary>
internal sealed class BuildctlRun(IProcessRunner processes, IBuilderProbe probe, TextWriter log, TimeProvider time)
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);
    /// <summary>For a builder that is gone, nothing can be ended there.</summary>
    private static readonly TimeSpan LostGrace = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan WatchPeriod = TimeSpan.FromSeconds(10);

    private DateTimeOffset _lastHeard;

    public async Task<BuildctlEnd> RunAsync(BuildctlCommand command, ProgressReader progress, CancellationToken deadline, CancellationToken interrupted)
    {
        _lastHeard = time.GetUtcNow();
        using var process = processes.Start(command.Process);
        using var over = new CancellationTokenSource();
        try
        {
            var reading = Task.WhenAll(ReadAsync(process.Error, progress), PrintAsync(process.Output));
            var lost = BuilderLostAsync(command.Builder, over.Token);
            var reason = await StopReasonAsync(process.Exit, lost, deadline, interrupted);
            if (reason != StopReason.None)
            {
                await log.WriteLineAsync($"Stopping buildctl: {reason}");
                process.Interrupt();
                await EndOrKillAsync(process, reason == StopReason.BuilderLost ? LostGrace : Grace);
                if (reason != StopReason.BuilderLost)
                {
                    await new SolveEnd(probe, log, time).WaitAsync(command.Builder, command.RefFile);
                }
            }

            await over.CancelAsync();
            await lost;
            var code = await process.Exit;
            await reading;
            return new BuildctlEnd(code, reason);
        }
        finally
        {
            if (!process.Exit.IsCompleted)
            {
                process.Kill();
            }
        }
    }

    private static async Task<StopReason> StopReasonAsync(Task<int> exit, Task<bool> lost, CancellationToken deadline, CancellationToken interrupted)
    {
        var (late, asked) = (WhenCancelled(deadline, out var lateRegistration), WhenCancelled(interrupted, out var askedRegistration));
        using (lateRegistration)
        using (askedRegistration)
        {
            await Task.WhenAny(exit, lost, late, asked);
        }

        return exit.IsCompleted ? StopReason.None
            : asked.IsCompleted ? StopReason.Interrupted
            : late.IsCompleted ? StopReason.TimedOut
            : StopReason.BuilderLost;
    }

    private async Task EndOrKillAsync(IRunningProcess process, TimeSpan grace)
    {
        try
        {
            await process.Exit.WaitAsync(grace, time);
        }
        catch (TimeoutException)
        {
            process.Kill();
        }
    }

    private async Task<bool> BuilderLostAsync(BuilderEndpoint builder, CancellationToken over)
    {
        var watch = new BuilderWatch();
        using var timer = new PeriodicTimer(WatchPeriod, time);
        try
        {
            while (await timer.WaitForNextTickAsync(over))
            {
                // What it says while it is asked is an answer, too.
                if (watch.Observe(HeardSince(time.GetUtcNow() - WatchPeriod) || await AnswersAsync(builder, over)))
                {
                    return true;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }

        return false;
    }

    private bool HeardSince(DateTimeOffset moment) => _lastHeard > moment;

    private async Task<bool> AnswersAsync(BuilderEndpoint builder, CancellationToken over)
    {
        var asked = time.GetUtcNow();
        if (await probe.AnswersAsync(builder, over) || HeardSince(asked))
        {
            return true;
        }

        await log.WriteLineAsync($"{builder.Name} is silent and does not answer.");
        return false;
    }

    private async Task ReadAsync(TextReader reader, ProgressReader progress)
    {
        while (await reader.ReadLineAsync(CancellationToken.None) is { } line)
        {
            _lastHeard = time.GetUtcNow();
            await PrintAsync(progress.Read(line));
        }

        await PrintAsync(progress.End());
    }

    private async Task PrintAsync(IReadOnlyList<string> lines)
    {
        foreach (var line in lines)
        {
            await log.WriteLineAsync(line);
        }
    }

    private async Task PrintAsync(TextReader reader)
    {
        while (await reader.ReadLineAsync(CancellationToken.None) is { } line)
        {
            await log.WriteLineAsync(line);
        }
    }

    private static Task WhenCancelled(CancellationToken token, out CancellationTokenRegistration registration)
    {
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        registration = token.Register(source.SetResult);
        return source.Task;
    }
}
