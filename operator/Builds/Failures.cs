using Slipway.Api;
using Slipway.JobPods;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>Failures that the operator itself finds, and their way in and out of status.</summary>
internal static class Failures
{
    public static readonly RunFailure JobDeleted = new()
    {
        Class = FailureClass.Infrastructure,
        Reason = Reasons.RunnerLost,
        Message = "The build's Job was deleted before it had reported. Set spec.rerun to a new value to build again.",
    };

    public static readonly RunFailure Cancelled = new()
    {
        Class = FailureClass.Cancelled,
        Reason = Reasons.Cancelled,
        Message = "spec.cancel is true. To build all the same, set it to false and spec.rerun to a new value.",
    };

    public static RunFailure Of(FailureClass failureClass, string reason, string message, int? exitCode = null) =>
        RunFailure.Of(failureClass, reason, message) with { ExitCode = exitCode };

    public static RunFailure Read(BuildFailure failure) => new()
    {
        Class = Enum.TryParse<FailureClass>(failure.Class, out var known) ? known : FailureClass.Unknown,
        Reason = failure.Reason ?? FailureReasons.Unrecognised,
        Message = failure.Message ?? "",
        Step = failure.Step,
        ExitCode = failure.ExitCode,
    };

    public static BuildFailure Write(RunFailure failure, string? log) => new()
    {
        Class = failure.Class.ToString(),
        Reason = failure.Reason,
        Message = failure.Message,
        Step = failure.Step,
        ExitCode = failure.ExitCode,
        Log = log,
    };

    /// <summary>Null where there is none to be read: a Job that never started is deleted with its failure.</summary>
    public static string? LogCommand(BuildJob? job) =>
        job is null || job.NeverStarted ? null : $"kubectl logs -n {job.Job.Metadata.NamespaceProperty} job/{job.Name} -c {JobContainers.Runner}";
}
