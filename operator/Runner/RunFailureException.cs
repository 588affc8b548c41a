namespace Slipway.Runner;

/// <summary>Ends a run with a failure that is already understood.</summary>
internal sealed class RunFailureException(RunFailure failure) : Exception(failure.Message)
{
    public RunFailureException(FailureClass kind, string reason, string message)
        : this(RunFailure.Of(kind, reason, message))
    {
    }

    public RunFailure Failure { get; } = failure;
}
