using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>What a registry would not do for the expiry of a cache as a failure of the run: what to do about it is the pool's owner's.</summary>
internal static class CacheRegistryFailures
{
    public static RunFailure Of(RegistryException fault, RegistryCacheDescription cache, string? secret) => fault.Fault switch
    {
        RegistryFault.Refused or RegistryFault.Denied or RegistryFault.Unauthorized when fault.Operation.StartsWith("DELETE", StringComparison.Ordinal) => RunFailure.Of(FailureClass.Config, FailureReasons.CacheDeletesForbidden,
            $"The registry of {cache.Repository} deletes nothing, or not with these credentials ({fault.Place}): allow it, or have it delete by itself what was not pulled for long. It is asked again in a day."),
        RegistryFault.Unauthorized or RegistryFault.Denied => RunFailure.Of(FailureClass.Config, FailureReasons.RegistryUnauthorized,
            $"The registry refuses {(secret is not null ? $"the credentials in the Secret {secret}" : "anonymous access")} for {cache.Repository} ({fault.Place})."),
        RegistryFault.Untrusted => RunFailure.Of(FailureClass.Config, FailureReasons.RegistryUntrusted,
            $"The certificate of the registry of {cache.Repository} is not trusted or names another host: give its CA in the pool's registries."),
        RegistryFault.Busy or RegistryFault.Unreachable => RunFailure.Of(FailureClass.Registry, FailureReasons.RegistryUnavailable,
            $"The registry of {cache.Repository} is busy, broken or cannot be reached ({fault.Place})."),
        _ => RunFailure.Of(FailureClass.Config, FailureReasons.RegistryRefused, $"The registry of {cache.Repository} does not tell all of its tags, so nothing was deleted ({fault.Place})."),
    };

    public static RunFailure CredentialsMissing(RegistryCacheDescription cache, string? secret) => RunFailure.Of(FailureClass.Config, FailureReasons.CredentialsSecretMissing,
        $"The Secret {secret} of the cache is not in this namespace, or has no .dockerconfigjson with credentials for {cache.Repository}: create it.");

    public static RunFailure CredentialsInvalid(RegistryCacheDescription cache, string? secret) => RunFailure.Of(FailureClass.Config, FailureReasons.CredentialsInvalid,
        $"The Secret {secret} holds no usable Docker configuration, or the pool's registries no usable CA, for {cache.Repository}.");
}
