using System.Text.RegularExpressions;
using Slipway.S3;

namespace Slipway.Runner;

/// <summary>
/// Tells from buildctl's words what was wrong with the remote cache. A message names what the description names and never quotes
/// the text, which may hold a secret.
/// </summary>
internal static partial class CacheProblems
{
    public static CacheProblem CredentialsMissing(CacheDescription cache) => new(CacheProblemKind.CredentialsMissing, cache switch
    {
        { CredentialsSecret: { } secret, S3: not null } => $"The Secret {secret} of the pool's cache is not in this namespace, or has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        { CredentialsSecret: { } secret } => $"The Secret {secret} of the pool's cache is not in this namespace, or has no .dockerconfigjson with credentials for {cache.Registry?.Repository.Split('/')[0]}.",
        _ => "The pool's cache wants a cloud identity, and this Job's ServiceAccount (spec.job.serviceAccountName) has none.",
    });

    /// <summary>The Job has a cloud identity, and its cloud gives no keys for it.</summary>
    public static CacheProblem NoKeys(S3Exception refused) => new(CacheProblemKind.CredentialsMissing,
        $"The cloud gives this Job's ServiceAccount (spec.job.serviceAccountName) no keys for the pool's cache ({refused.Fault}): check the role that it is bound to.");

    /// <summary>
    /// A cache that is not there yet is none. BuildKit goes on without what it cannot import, and says so in the step that was to
    /// import it alone.
    /// </summary>
    public static CacheProblem? OfImport(SolveOutcome outcome) =>
        outcome.Solve is not { Imports: true, Cache: { } access } ? null
        : outcome.Progress.Vertices.Where(vertex => vertex is { IsCacheImport: true, Error: { } error } && IsOwn(vertex, access.Cache) && !Absent().IsMatch(error)).Select(vertex => vertex.Error!).FirstOrDefault() is { } error
            ? new(CacheProblemKind.Unreadable, $"{Whose(access.Cache)} could not be read: {Explanation(error, access.Cache)}")
        : null;

    /// <summary>What the manifest promised was needed and not to be had: that fails the solve, in whatever step needs it first.</summary>
    public static CacheProblem? OfBuild(SolveOutcome outcome) =>
        outcome is not { Refused: true, Solve: { Imports: true, Cache: { } access } } || !IsOfCache(outcome.Errors, access.Cache, outcome.Solve.WritesCache) ? null
        : new(CacheProblemKind.Broken, IsMissing(outcome.Errors, access.Cache)
            ? $"{Part(access.Cache)} is gone from where it is kept."
            : $"{Part(access.Cache)} could not be fetched: {Explanation(outcome.Errors, access.Cache)}");

    public static CacheExportResult OfExport(SolveOutcome outcome, Deadline deadline) => outcome.Succeeded
        ? new CacheExportResult { Written = true }
        : NotWritten(outcome.Refused ? Explanation(outcome.Errors, outcome.Solve.Cache!.Cache) : outcome.Failure(deadline)!.Message);

    public static CacheExportResult NotWritten(string why) => new() { Problem = new(CacheProblemKind.NotWritten, $"The build's cache was not written: {why}") };

    /// <summary>Of a bucket BuildKit does not say which one it is; of a registry, the own one's is told alone.</summary>
    private static string Whose(CacheDescription cache) => cache is { S3: not null, Others.Count: > 0 } ? "The build's cache, or another that it reads," : "The build's cache";

    /// <summary>What is missed in a step has no name, wherever it is kept.</summary>
    private static string Part(CacheDescription cache) => cache.Others.Count > 0 ? "A part of the build's cache, or of another that it reads," : "A part of the build's cache";

    /// <summary>What is wrong with another cache, builds of its own tell. Of a bucket BuildKit does not say which it is.</summary>
    private static bool IsOwn(Vertex vertex, CacheDescription cache) =>
        cache.Registry is not { } registry || vertex.Name.EndsWith($" {CacheArgs.Reference(registry, cache.Name)}", StringComparison.Ordinal);

    /// <summary>What a solve that writes the cache says of bucket and registry is mostly of writing: there, only what is gone counts.</summary>
    private static bool IsOfCache(string text, CacheDescription cache, bool writes) =>
        (IsMissing(text, cache) && !NoBucket().IsMatch(text))
        || (!writes && cache.S3 is not null && BucketRead().IsMatch(text))
        || (!writes && cache.Registry is { } registry && text.Contains($"/v2/{CacheArgs.Reference(registry, cache.Name).Repository.Path}/blobs/", StringComparison.Ordinal));

    /// <summary>With a cache in a bucket, what a registry has lost is no part of it but of an image.</summary>
    private static bool IsMissing(string text, CacheDescription cache) => (cache.S3 is null ? MissingBlob() : MissingObject()).IsMatch(text);

    private static string Explanation(string text, CacheDescription cache)
    {
        var place = cache.S3 is { } bucket ? $"bucket {bucket.Bucket}" : $"the registry of {cache.Registry!.Repository}";
        var secret = cache.CredentialsSecret is { } name ? $" of Secret {name}" : "";
        return text switch
        {
            _ when NoBucket().IsMatch(text) => $"there is no {place}: create it, or correct the pool's cache.s3.bucket.",
            _ when IsMissing(text, cache) => "a part of it is gone from where it is kept.",
            _ when Denied().IsMatch(text) => $"{place} refuses the credentials{secret} (401 or 403).",
            _ when Busy().IsMatch(text) => $"{place} is busy or broken (429 or 5xx).",
            _ when Corrupt().IsMatch(text) => $"what {place} holds under its name is no cache.",
            _ when Unreachable().IsMatch(text) => $"{place} cannot be reached from the builder.",
            _ => "the log of the build's Job shows why.",
        };
    }

    // Nothing else of what is written to can be missing; the answer's own code is lost where the server hangs up before it is read.
    [GeneratedRegex(@"NoSuchBucket|S3: PutObject, https response error StatusCode: 404", RegexOptions.IgnoreCase)]
    private static partial Regex NoBucket();

    // As containerd's resolver ends; what is missing of a cache that is there is told in other words.
    [GeneratedRegex(@"cache importer: [^\s""]+: not found\s*\z")]
    private static partial Regex Absent();

    [GeneratedRegex(@"S3: GetObject[^\n]*(?:404|NoSuchKey)|NoSuchKey|cache key: blob not found|blob sha256:[0-9a-f]+[^\n]*not found", RegexOptions.IgnoreCase)]
    private static partial Regex MissingObject();

    [GeneratedRegex(@"could not fetch content descriptor [^\n]*not found|cache key: blob not found|blob sha256:[0-9a-f]+[^\n]*not found|failed to copy: [^\n]*(?:404|not found)", RegexOptions.IgnoreCase)]
    private static partial Regex MissingBlob();

    [GeneratedRegex(@"operation error S3: (?:Get|Head)Object", RegexOptions.IgnoreCase)]
    private static partial Regex BucketRead();

    [GeneratedRegex(@"\b40[13]\b|AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|insufficient_scope|authorization failed|authentication required|no basic auth credentials|unauthorized|denied", RegexOptions.IgnoreCase)]
    private static partial Regex Denied();

    [GeneratedRegex(@"\b429\b|too many requests|SlowDown|\b5\d\d\b", RegexOptions.IgnoreCase)]
    private static partial Regex Busy();

    [GeneratedRegex(@"failed to do request|connection refused|no such host|i/o timeout|network is unreachable|no route to host|connection reset|connection timed out|deadline exceeded|TLS handshake|x509:|server misbehaving|EOF", RegexOptions.IgnoreCase)]
    private static partial Regex Unreachable();

    [GeneratedRegex(@"\Aunexpected EOF\z|invalid character|unexpected end of JSON|cannot unmarshal|invalid digest|unsupported (?:cache|media)|invalid cache", RegexOptions.IgnoreCase)]
    private static partial Regex Corrupt();
}
