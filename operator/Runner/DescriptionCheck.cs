using System.Text.RegularExpressions;
using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>
/// What is wrong with a description; empty where nothing is. The operator has checked the same objects: this is the last look
/// before a value becomes an argument of a program.
/// </summary>
internal static partial class DescriptionCheck
{
    /// <summary>8760 hours.</summary>
    private const int MaxTtlSeconds = 8760 * 3600;

    public static IReadOnlyList<string> Problems(PrepareDescription description) =>
        Compact([.. Git(description.Git), Positive("timeoutSeconds", description.TimeoutSeconds)]);

    public static IReadOnlyList<string> Problems(BuildDescription build) => Compact(
    [
        Platform("platform", build.Platform),
        BuilderAddress().IsMatch(build.Builder.Address) ? null : "builder.address is not tcp://host:port",
        ServerName().IsMatch(build.Builder.ServerName) ? null : "builder.serverName is not a host name or an address",
        AbsolutePath("builder.tlsDirectory", build.Builder.TlsDirectory),
        (build.Git is null) == (build.ContextDirectory is null) ? "exactly one of git and contextDirectory is needed" : null,
        .. build.Git is null ? [] : Git(build.Git),
        build.ContextDirectory is null ? null : AbsolutePath("contextDirectory", build.ContextDirectory),
        build.Commit is not null && !GitRefs.IsCommit(build.Commit) ? "commit is no full commit" : null,
        InnerPath("dockerfile", build.Dockerfile),
        build.Target is null ? null : Plain("target", build.Target),
        .. build.BuildArgs.Select(BuildArgument),
        .. Output(build.Output, tagsNeeded: build.Publish),
        .. build.Cache is null ? [] : Cache(build.Cache),
        build.HandoverDirectory is null ? null : AbsolutePath("handoverDirectory", build.HandoverDirectory),
        Plain("cacheMountNamespace", build.CacheMountNamespace),
        .. Attestations(build.Attestations),
        build.TraceParent is null || TraceParent().IsMatch(build.TraceParent) ? null : "traceParent is no W3C trace context",
        Positive("timeoutSeconds", build.TimeoutSeconds),
    ]);

    public static IReadOnlyList<string> Problems(ExportCacheDescription export) => Compact(
    [
        AbsolutePath("handoverDirectory", export.HandoverDirectory),
        Positive("timeoutSeconds", export.TimeoutSeconds),
    ]);

    public static IReadOnlyList<string> Problems(PublishDescription publish) => Compact(
    [
        publish.Platforms.Count == 0 ? "platforms is empty" : null,
        publish.Platforms.Select(platform => PlatformName.Normalise(platform.Platform)).Distinct().Count() == publish.Platforms.Count ? null : "platforms names one twice",
        .. publish.Platforms.Select(platform => Platform("platforms", platform.Platform)),
        .. publish.Platforms.Select(platform => Digests.IsValid(platform.Digest) ? null : "platforms holds a digest that is not sha256: and 64 hexadecimal digits"),
        .. Output(publish.Output, tagsNeeded: true),
        .. Attestations(publish.Attestations),
        Positive("timeoutSeconds", publish.TimeoutSeconds),
    ]);

    public static IReadOnlyList<string> Problems(ExpireCacheDescription expire) => Compact(
    [
        Owner().IsMatch(expire.Owner) ? null : "owner is no uid",
        Within("ttlSeconds", expire.TtlSeconds, 3600, MaxTtlSeconds),
        (expire.S3 is null) == (expire.Registry is null) ? "exactly one back-end is needed: s3 or registry" : null,
        .. expire.S3 is null ? [] : S3("s3", expire.S3),
        .. expire.Registry is null ? [] : Registry(expire.Registry),
        Within("verifyAfterSeconds", expire.VerifyAfterSeconds, 0, 600),
        Positive("timeoutSeconds", expire.TimeoutSeconds),
    ]);

    private static IReadOnlyList<string> Compact(IEnumerable<string?> problems) => [.. problems.OfType<string>().Distinct()];

    private static IEnumerable<string?> Git(GitSource git) =>
    [
        GitUrl.Problem(git.Url) is { } url ? $"git.url {url}" : null,
        GitRefs.Problem(git.Revision) is { } revision ? $"git.revision {revision}" : null,
        string.IsNullOrEmpty(git.SubPath) ? null : InnerPath("git.subPath", git.SubPath),
    ];

    private static IEnumerable<string?> Output(OutputDescription output, bool tagsNeeded) =>
    [
        RepositoryName.TryParse(output.Image, out _, out var problem) ? null : $"output.image: {problem}",
        tagsNeeded && output.Tags.Count == 0 ? "output.tags is empty" : null,
        output.Tags.All(ImageReference.IsTag) ? null : "output.tags holds what is no tag",
        output.CredentialsDirectory is null ? null : AbsolutePath("output.credentialsDirectory", output.CredentialsDirectory),
    ];

    private static IEnumerable<string?> Cache(CacheDescription cache) =>
    [
        cache.Others.Prepend(cache.Name).All(ImageReference.IsTag) ? null : "cache.name or cache.others is no name",
        cache.Mode is "max" or "min" ? null : "cache.mode is not max or min",
        (cache.Registry is null) == (cache.S3 is null) ? "exactly one of cache.registry and cache.s3 is needed" : null,
        .. cache.Registry is null ? [] : Cache(cache.Registry),
        .. cache.S3 is null ? [] : S3("s3", cache.S3),
    ];

    private static IEnumerable<string?> Cache(RegistryCacheDescription registry) =>
    [
        RepositoryName.TryParse(registry.Repository, out _, out var problem) ? null : $"cache.registry.repository: {problem}",
        registry.CredentialsDirectory is null ? null : AbsolutePath("cache.registry.credentialsDirectory", registry.CredentialsDirectory),
    ];

    private static IEnumerable<string?> Registry(RegistryExpiryDescription registry) =>
    [
        .. Cache(registry.Cache),
        registry.UnusedTags.Count == 0 || !registry.UnusedTags.All(ImageReference.IsTag) ? "registry.unusedTags is empty, or holds what is no tag" : null,
    ];

    private static IEnumerable<string?> S3(string field, S3CacheDescription cache) =>
    [
        BucketName().IsMatch(cache.Bucket) ? null : $"{field}.bucket is no name of a bucket",
        Region().IsMatch(cache.Region) ? null : $"{field}.region is no name of a region",
        IsPrefix(cache.Prefix) ? null : $"{field}.prefix is not empty and does not end in a slash, or cannot be the beginning of a key",
        cache.EndpointUrl is null || IsEndpoint(cache.EndpointUrl) ? null : $"{field}.endpointUrl is not http(s)://host[:port]",
        cache.UsePathStyle && cache.EndpointUrl is null ? $"{field}.usePathStyle needs an endpointUrl" : null,
        Within($"{field}.touchRefreshSeconds", cache.TouchRefreshSeconds, 1, MaxTtlSeconds),
        cache.CredentialsDirectory is null ? null : AbsolutePath($"{field}.credentialsDirectory", cache.CredentialsDirectory),
    ];

    /// <summary>Keys travel in the path of a URL, where a dot or two lead elsewhere.</summary>
    private static bool IsPrefix(string prefix) =>
        prefix.Length == 0 || (prefix.Length <= 512 && prefix.EndsWith('/') && !prefix.StartsWith('/') && !prefix.Any(char.IsControl) && !prefix.Split('/').Any(part => part is "." or ".."));

    private static bool IsEndpoint(string text) =>
        text.Length <= 1024 && !text.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)) && !text.AsSpan().ContainsAny("?#@\\")
        && Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps) && url.AbsolutePath == "/";

    private static IEnumerable<string?> Attestations(AttestationDescription attestations) =>
    [
        attestations.Provenance is "max" or "min" or "none" ? null : "attestations.provenance is not max, min or none",
        attestations.SbomGenerator is null || ImageReference.TryParse(attestations.SbomGenerator, out _, out _) ? null : "attestations.sbomGenerator is no image reference",
        attestations.Format is "auto" or "artifact" or "manifest" ? null : "attestations.format is not auto, artifact or manifest",
        attestations.BuilderId is null ? null : Plain("attestations.builderId", attestations.BuilderId),
    ];

    /// <summary>The value is the user's own business, but for what no argument can carry.</summary>
    private static string? BuildArgument(BuildArgument argument) =>
        !ArgumentName().IsMatch(argument.Name) ? "buildArgs holds a name that is not letters, digits and '_'"
        : argument.Value.Contains('\0', StringComparison.Ordinal) ? $"buildArgs: the value of {argument.Name} holds a NUL" : null;

    private static string? Platform(string field, string value) => PlatformPattern().IsMatch(value) ? null : $"{field} is not os/architecture[/variant]";

    private static string? Positive(string field, int value) => value > 0 ? null : $"{field} is not positive";

    private static string? Within(string field, int value, int least, int most) => value >= least && value <= most ? null : $"{field} is not from {least} to {most}";

    private static string? Plain(string field, string value) =>
        value.Length is > 0 and <= 1024 && !value.Any(char.IsControl) ? null : $"{field} is empty, too long or holds a control character";

    private static string? AbsolutePath(string field, string value) => value.StartsWith('/') ? Plain(field, value) : $"{field} is no absolute path";

    private static string? InnerPath(string field, string value) =>
        value.StartsWith('/') || value.StartsWith('-') || value.Contains(':', StringComparison.Ordinal) || value.Split('/').Contains("..") ? $"{field} leads out of the source or cannot be a path in it" : Plain(field, value);

    [GeneratedRegex(@"\A[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?\z")]
    private static partial Regex PlatformPattern();

    [GeneratedRegex(@"\Atcp://(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\]):[0-9]{1,5}\z")]
    private static partial Regex BuilderAddress();

    [GeneratedRegex(@"\A(?:[A-Za-z0-9][A-Za-z0-9.-]*|[0-9a-fA-F:]+)\z")]
    private static partial Regex ServerName();

    /// <summary>Version 00; neither id is all zeros.</summary>
    [GeneratedRegex(@"\A00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\z")]
    private static partial Regex TraceParent();

    [GeneratedRegex(@"\A[A-Za-z_][A-Za-z0-9_]*\z")]
    private static partial Regex ArgumentName();

    [GeneratedRegex(@"\A[0-9A-Za-z](?:[0-9A-Za-z-]{0,62}[0-9A-Za-z])?\z")]
    private static partial Regex Owner();

    [GeneratedRegex(@"\A(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\z")]
    private static partial Regex BucketName();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\z")]
    private static partial Regex Region();
}
