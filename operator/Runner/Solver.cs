namespace Slipway.Runner;

/// <summary>Runs buildctl, and has the builder forget the keys that it was told.</summary>
internal sealed class Solver(IProcessRunner processes, IBuilderProbe probe, TextWriter log, TimeProvider time)
{
    public async Task<SolveOutcome> RunAsync(Solve solve, Deadline deadline, CancellationToken interrupted)
    {
        GuardClientSecret(solve.Build.Builder);
        var command = new BuildctlCommand
        {
            Process = new ProcessCommand { Program = "buildctl", Arguments = BuildctlArgs.Of(solve), Environment = solve.Environment },
            Builder = solve.Build.Builder,
            RefFile = solve.Files.Ref,
        };
        var progress = new ProgressReader();
        var end = await new BuildctlRun(processes, probe, log, time).RunAsync(command, progress, deadline.Over, interrupted);
        return new SolveOutcome(solve, end, progress);
    }

    /// <summary>
    /// BuildKit keeps what a solve imported from in the history of its builds, keys of a bucket included, on its disk and for
    /// everybody who may list that history. Only for all solves that have ended can it be told to drop it.
    /// </summary>
    public async Task ForgetAsync(Solve solve)
    {
        if (solve.Cache?.Keys is not null && !await probe.ForgetAsync(solve.Build.Builder, CancellationToken.None))
        {
            await log.WriteLineAsync($"{solve.Build.Builder.Name} could not be told to drop its build history: it holds the keys of the cache's bucket until it does so by itself.");
        }
    }

    public static void GuardClientSecret(BuilderEndpoint builder)
    {
        if (builder.ClientSecret is not { } secret || BuildctlArgs.CertificateFiles(builder).All(File.Exists)) return;
        throw new RunFailureException(FailureClass.Config, FailureReasons.CredentialsSecretMissing,
            $"The Secret {secret} for the builder {builder.Name} is not there, or has not ca.crt, tls.crt and tls.key: create it in the namespace of the build.");
    }
}

/// <summary>How one run of buildctl ended.</summary>
internal sealed record SolveOutcome(Solve Solve, BuildctlEnd End, ProgressReader Progress)
{
    public bool Succeeded => End is { Stopped: StopReason.None, ExitCode: 0 };

    /// <summary>buildctl's own words for what went wrong.</summary>
    public string Errors => Classifier.Errors(Progress.Tail, Progress.Failed);

    /// <summary>It ran, and failed by itself.</summary>
    public bool Refused => End is { Stopped: StopReason.None, ExitCode: not 0 };

    /// <summary>Null on success.</summary>
    public RunFailure? Failure(Deadline deadline) => End switch
    {
        { Stopped: StopReason.TimedOut } => deadline.TimedOut,
        { Stopped: StopReason.Interrupted } => Deadline.Interrupted,
        { Stopped: StopReason.BuilderLost } => new RunFailure
        {
            Class = FailureClass.Infrastructure,
            Reason = FailureReasons.BuilderLost,
            Message = $"The builder {Solve.Build.Builder.Name} fell silent and answers no more.",
        },
        { ExitCode: 0 } => null,
        _ => Classifier.Classify(new BuildctlFailure
        {
            ExitCode = End.ExitCode,
            Tail = Progress.Tail,
            Failed = Progress.Failed,
            Started = Progress.Vertices.Count > 0,
            Build = Solve.Build,
        }),
    };
}
