using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>A registry's refusal as a failure of the run.</summary>
internal static class RegistryFailures
{
    public static RunFailure Of(RegistryException fault, OutputDescription output) => fault.Fault switch
    {
        RegistryFault.Unauthorized or RegistryFault.Denied => Failure(FailureClass.Config, FailureReasons.RegistryUnauthorized,
            $"The registry refuses {Credentials(output)} for {output.Image} ({Place(fault)})."),
        RegistryFault.Untrusted => Failure(FailureClass.Config, FailureReasons.RegistryUntrusted,
            $"The certificate of {output.Image}'s registry is not trusted or names another host: give its CA in output.ca."),
        RegistryFault.Busy or RegistryFault.Unreachable => Failure(FailureClass.Registry, FailureReasons.RegistryUnavailable,
            $"The registry of {output.Image} is busy, broken or cannot be reached ({Place(fault)})."),
        RegistryFault.NotFound => Failure(FailureClass.Registry, FailureReasons.ResultIncomplete,
            $"The registry of {output.Image} has not what was just pushed ({Place(fault)})."),
        RegistryFault.Corrupt => Failure(FailureClass.Registry, FailureReasons.ResultIncomplete,
            $"The registry of {output.Image} answers with other content than was asked for ({Place(fault)})."),
        _ => Failure(FailureClass.Config, FailureReasons.RegistryRefused, $"The registry refuses {output.Image} ({Place(fault)})."),
    };

    private static string Place(RegistryException fault) => fault.Status is { } status ? $"{fault.Operation}: {(int)status}" : fault.Operation;

    private static string Credentials(OutputDescription output) =>
        output.CredentialsSecret is { } secret ? $"the credentials in the Secret {secret}" : "anonymous access";

    private static RunFailure Failure(FailureClass kind, string reason, string message) => new() { Class = kind, Reason = reason, Message = message };
}
