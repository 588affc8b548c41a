using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>What a registry would not do for the expiry of a cache as a failure of the run: what to do about it is the pool's owner's.</summary>
internal static class CacheRegistryFailures
{
    public static RunFailure Of(RegistryException fault, RegistryExpiryDescription expire) => fault.Fault switch
    {
        RegistryFault.Refused or RegistryFault.Denied or RegistryFault.Unauthorized when fault.Operation.StartsWith("DELETE", StringComparison.Ordinal) => Failure(FailureClass.Config, FailureReasons.CacheDeletesForbidden,
            $"The registry of {expire.Cache.Repository} deletes nothing, or not with these credentials ({Place(fault)}): allow it, or have it delete by itself what was not pulled for long."),
        RegistryFault.Unauthorized or RegistryFault.Denied => Failure(FailureClass.Config, FailureReasons.RegistryUnauthorized,
            $"The registry refuses {(expire.CredentialsSecret is { } secret ? $"the credentials in the Secret {secret}" : "anonymous access")} for {expire.Cache.Repository} ({Place(fault)})."),
        RegistryFault.Untrusted => Failure(FailureClass.Config, FailureReasons.RegistryUntrusted,
            $"The certificate of the registry of {expire.Cache.Repository} is not trusted or names another host: give its CA in the pool's registries."),
        RegistryFault.Busy or RegistryFault.Unreachable => Failure(FailureClass.Registry, FailureReasons.RegistryUnavailable,
            $"The registry of {expire.Cache.Repository} is busy, broken or cannot be reached ({Place(fault)})."),
        _ => Failure(FailureClass.Config, FailureReasons.RegistryRefused, $"The registry of {expire.Cache.Repository} does not tell all of its tags, so nothing was deleted ({Place(fault)})."),
    };

    public static RunFailure CredentialsMissing(RegistryExpiryDescription expire) => Failure(FailureClass.Config, FailureReasons.CredentialsSecretMissing,
        $"The Secret {expire.CredentialsSecret} with the credentials for {expire.Cache.Repository} is not in this namespace, or has no .dockerconfigjson: create it.");

    public static RunFailure CredentialsInvalid(RegistryExpiryDescription expire) => Failure(FailureClass.Config, FailureReasons.CredentialsInvalid,
        $"The Secret {expire.CredentialsSecret} holds no usable Docker configuration, or the pool's registries no usable CA, for {expire.Cache.Repository}.");

    private static string Place(RegistryException fault) => fault.Status is { } status ? $"{fault.Operation}: {(int)status} {fault.Code}".TrimEnd() : fault.Operation;

    private static RunFailure Failure(FailureClass kind, string reason, string message) => new() { Class = kind, Reason = reason, Message = message };
}
