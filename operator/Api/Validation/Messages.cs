namespace Slipway.Api.Validation;

/// <summary>What the rules of the CRDs say, letter for letter (a test compares them): a refusal reads the same wherever it comes from.</summary>
internal static class Messages
{
    public const string ReplicasRange = "min must not be above max";
    public const string EndpointsAlone = "endpoints exclude replicas, storage, resources, nodeSelector, tolerations and mode Emulated: those builders are not the pool's to run";
    public const string IdleAfterRange = "must be from 10s to 24h";
    public const string PlainHttpOrTls = "plainHTTP excludes insecureSkipVerify and ca: there is no certificate to check";
    public const string VerifyOrNot = "insecureSkipVerify excludes ca: the certificate is checked or it is not";
    public const string PlainHttpOrCa = "plainHTTP excludes ca: there is no certificate to check";
    public const string NoPrivateKey = "must hold certificates alone: take the private key out";
    public const string Certificates = "must be certificates in PEM form: -----BEGIN CERTIFICATE----- and so on";
    public const string StorageImmutable =
        "storage is immutable but for a size that grows: take the platform out of the pool and add it again, or make another pool";

    public const string NoTagNorDigest = "must be a repository without tag and digest";
    public const string LowerCase = "must be lower-case";
    public const string Repository =
        "must be the registry's host, with a dot, a port or localhost, and a path: registry.example.com/team/app";

    public const string CacheTtlRange = "must be from 1h to 8760h";
    public const string OneCache = "must be exactly one of registry and s3";
    public const string PathStyle = "usePathStyle needs endpointURL: BuildKit asks Amazon's own servers for bucket.endpoint/key alone";

    public const string SelectorAlone = "selector goes with from: Selector, and with it alone";
    public const string SelectorEmpty = "must not be empty: to admit every namespace, say from: All";
    public const string ExpressionValues = "values go with the operators In and NotIn, and with them alone";
    public const string TolerationKey = "operator must be Exists where key is empty";
    public const string TolerationValue = "value must be empty where operator is Exists";
    public const string TolerationSeconds = "tolerationSeconds needs effect NoExecute";

    public const string OneSource = "must be exactly one of git and inline";
    public const string WebScheme = "must start with https:// or http://";
    public const string NoUserInfo = "must hold no user name or password: they would stand in provenance and status";
    public const string GitUrl = "must be https://host[:port]/path, without white space, control characters, comma, query and fragment";
    public const string LeadingDash = "must not start with a dash";
    public const string RevisionCharacters =
        @"must be a branch, a tag or a commit: no white space, no control character and none of ~ ^ : ? * [ \";

    public const string RevisionShape =
        "must be a branch, a tag or a commit: no '..', '@{' or '//', no slash at either end, no dot or '.lock' at the end";

    public const string Relative = "must be relative and must not start with a dash";
    public const string NoParent = "must stay inside: no '..'";
    public const string PathCharacters = @"must hold no control character and none of \ , : # ? *";
    public const string InlineSize = "must not exceed 96 KiB in all: put larger contexts into a Git repository";
    public const string InlineDockerfile = "dockerfile must be one of source.inline.files";

    public const string ReservedArg = "is set by Slipway: it keeps cache mounts apart and indexes whole";
    public const string CredentialName =
        "buildArgs must hold no credentials, and a name looks like one: they stand in provenance and image history. "
        + "If it is none, put the name into allowBuildArgs";

    public const string CredentialValue =
        "buildArgs must hold no credentials, and a value looks like one: they stand in provenance and image history. "
        + "If it is none, put the name into allowBuildArgs";

    public const string SbomGenerator = "sbomGenerator needs sbom: true";
    public const string Timeout = "must be from 1m to 24h";
    public const string TtlAfterFinished = "must be from 0s to 8760h";
}
