namespace Slipway.Runner;

/// <summary>The closed list of reasons that a Job can fail for. docs/reasons.md holds the same list, held together by a test.</summary>
internal static class FailureReasons
{
    public const string RunStepFailed = nameof(RunStepFailed);
    public const string DockerfileInvalid = nameof(DockerfileInvalid);
    public const string DockerfileNotFound = nameof(DockerfileNotFound);
    public const string TargetNotFound = nameof(TargetNotFound);
    public const string ContextFileNotFound = nameof(ContextFileNotFound);
    public const string FrontendNotAllowed = nameof(FrontendNotAllowed);
    public const string BaseImageNotFound = nameof(BaseImageNotFound);
    public const string RepositoryNotFound = nameof(RepositoryNotFound);
    public const string RevisionNotFound = nameof(RevisionNotFound);
    public const string SourceUnreachable = nameof(SourceUnreachable);
    public const string SubPathNotFound = nameof(SubPathNotFound);
    public const string CredentialsSecretMissing = nameof(CredentialsSecretMissing);
    public const string CredentialsInvalid = nameof(CredentialsInvalid);
    public const string RegistryUnauthorized = nameof(RegistryUnauthorized);
    public const string RegistryRefused = nameof(RegistryRefused);
    public const string RegistryUntrusted = nameof(RegistryUntrusted);
    public const string RegistryUnavailable = nameof(RegistryUnavailable);
    public const string CacheBucketMissing = nameof(CacheBucketMissing);
    public const string CacheBucketUnauthorized = nameof(CacheBucketUnauthorized);
    public const string CacheBucketRefused = nameof(CacheBucketRefused);
    public const string CacheBucketUnavailable = nameof(CacheBucketUnavailable);
    public const string CacheRulesTooMany = nameof(CacheRulesTooMany);
    public const string CacheDeletesForbidden = nameof(CacheDeletesForbidden);
    public const string BuilderUnreachable = nameof(BuilderUnreachable);
    public const string BuilderUntrusted = nameof(BuilderUntrusted);
    public const string BuilderLost = nameof(BuilderLost);
    public const string OutOfDisk = nameof(OutOfDisk);
    public const string OutOfMemory = nameof(OutOfMemory);
    public const string ResultIncomplete = nameof(ResultIncomplete);
    public const string TagMoved = nameof(TagMoved);
    public const string AttestationFormatUnsupported = nameof(AttestationFormatUnsupported);
    public const string TimedOut = nameof(TimedOut);
    public const string Interrupted = nameof(Interrupted);
    public const string DescriptionInvalid = nameof(DescriptionInvalid);
    public const string Unrecognised = nameof(Unrecognised);
}
