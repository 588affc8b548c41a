using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>A registry's refusal as a failure of the run.</summary>
internal static class RegistryFailures
{
    public static RunFailure Of(RegistryException fault, OutputDescription output) => fault.Fault switch
    {
        RegistryFault.Unauthorized or RegistryFault.Denied => RunFailure.Of(FailureClass.Config, FailureReasons.RegistryUnauthorized,
            $"The registry refuses {Credentials(output)} for {output.Image} ({fault.Place})."),
        RegistryFault.Untrusted => RunFailure.Of(FailureClass.Config, FailureReasons.RegistryUntrusted,
            $"The certificate of {output.Image}'s registry is not trusted or names another host: give its CA in output.ca."),
        RegistryFault.Busy or RegistryFault.Unreachable => RunFailure.Of(FailureClass.Registry, FailureReasons.RegistryUnavailable,
            $"The registry of {output.Image} is busy, broken or cannot be reached ({fault.Place})."),
        RegistryFault.NotFound => RunFailure.Of(FailureClass.Registry, FailureReasons.ResultIncomplete,
            $"The registry of {output.Image} has not what was just pushed ({fault.Place})."),
        RegistryFault.Corrupt => RunFailure.Of(FailureClass.Registry, FailureReasons.ResultIncomplete,
            $"The registry of {output.Image} answers with other content than was asked for ({fault.Place})."),
        _ => RunFailure.Of(FailureClass.Config, FailureReasons.RegistryRefused, $"The registry refuses {output.Image} ({fault.Place})."),
    };

    private static string Credentials(OutputDescription output) =>
        output.CredentialsSecret is { } secret ? $"the credentials in the Secret {secret}" : "anonymous access";
}
