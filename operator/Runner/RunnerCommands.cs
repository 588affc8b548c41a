using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Slipway.Runner;

/// <summary>
/// The verbs that Jobs run. Exit codes: 0 done, 1 failed with a result that says why, 2 a description that cannot be used.
/// The program that adds these must set InvocationConfiguration.ProcessTerminationTimeout to null: a verb answers SIGTERM by
/// itself and needs longer for it than the two seconds that System.CommandLine gives.
/// </summary>
internal static class RunnerCommands
{
    public const string DefaultResultPath = "/dev/termination-log";

    private const int Done = 0;
    private const int Failed = 1;
    private const int Unusable = 2;

    public static IReadOnlyList<Command> All(IProcessRunner processes, TextWriter log, TimeProvider time)
    {
        var git = new GitLookup(processes, log, time);
        var probe = new BuilderProbe(processes, time);
        return
        [
            Verb<PrepareDescription>("prepare", "Find the commit that a branch or tag means.", DescriptionCheck.Problems, new PrepareVerb(git, log, time).RunAsync, log),
            Verb<BuildDescription>("build", "Build one platform and push it by digest.", DescriptionCheck.Problems, new BuildVerb(processes, git, probe, log, time).RunAsync, log),
            Verb<ExportCacheDescription>("export-cache", "Write the remote cache of what the pod's other container has built.", DescriptionCheck.Problems, new ExportCacheVerb(processes, probe, log, time).RunAsync, log),
            Verb<PublishDescription>("publish", "Merge what the platforms pushed into one index and tag it.", DescriptionCheck.Problems, new PublishVerb(log, time).RunAsync, log),
            Verb<ExpireCacheDescription>("expire-cache", "Make what a pool's cache no longer uses go.", DescriptionCheck.Problems, new ExpireCacheVerb(log, time).RunAsync, log),
        ];
    }

    private static Command Verb<T>(
        string name, string summary, Func<T, IReadOnlyList<string>> problems, Func<T, CancellationToken, Task<RunResult>> run, TextWriter log)
    {
        // In pieces where it is too long for one argument.
        var description = new Option<string[]>("--description") { Description = "What to do, as JSON.", Required = true };
        var result = new Option<string>("--result") { Description = "Where the result goes.", DefaultValueFactory = _ => DefaultResultPath };
        var command = new Command(name, summary) { description, result };
        command.SetAction(async (parsed, token) =>
        {
            using var interrupted = CancellationTokenSource.CreateLinkedTokenSource(token);
            using var terminate = OnSignal(PosixSignal.SIGTERM, interrupted);
            using var interrupt = OnSignal(PosixSignal.SIGINT, interrupted);
            var (outcome, exitCode) = await RunAsync(string.Concat(parsed.GetRequiredValue(description)), problems, run, log, interrupted.Token);
            ResultFile.Write(parsed.GetRequiredValue(result), outcome);
            return exitCode;
        });
        return command;
    }

    private static async Task<(RunResult Result, int ExitCode)> RunAsync<T>(
        string json, Func<T, IReadOnlyList<string>> problems, Func<T, CancellationToken, Task<RunResult>> run, TextWriter log, CancellationToken interrupted)
    {
        T description;
        try
        {
            description = RunnerJson.Deserialize<T>(json);
        }
        catch (JsonException e)
        {
            return (await UnusableAsync(e.Message, log), Unusable);
        }

        if (problems(description) is { Count: > 0 } wrong)
        {
            return (await UnusableAsync(string.Join("; ", wrong), log), Unusable);
        }

        var result = await run(description, interrupted);
        return (result, result.Failure is null ? Done : Failed);
    }

    private static async Task<RunResult> UnusableAsync(string what, TextWriter log)
    {
        var message = $"The description of this Job cannot be used: {what}";
        await log.WriteLineAsync(message);
        return new RunResult { Failure = new RunFailure { Class = FailureClass.Config, Reason = FailureReasons.DescriptionInvalid, Message = message } };
    }

    /// <summary>The default action of the signal would end the process without a result.</summary>
    private static PosixSignalRegistration OnSignal(PosixSignal signal, CancellationTokenSource interrupted) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            interrupted.Cancel();
        });
}
