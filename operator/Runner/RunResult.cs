using System.Text.Json.Serialization;

namespace Slipway.Runner;

/// <summary>
/// What a Job leaves as its termination message, also when it fails: at most 4 KiB of JSON, whatever the build. Fields that
/// this version does not know are passed over: during an upgrade the operator reads results of another version's Jobs.
/// </summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record RunResult
{
    /// <summary>The full commit that the revision meant, where this pod resolved one.</summary>
    public string? Commit { get; init; }

    /// <summary>build: the index that this platform pushed. publish, and build with Publish: the index that the tags point at.</summary>
    public string? IndexDigest { get; init; }

    /// <summary>The image manifest of this platform inside the index.</summary>
    public string? ImageDigest { get; init; }

    public IReadOnlyList<AttestationResult>? Attestations { get; init; }

    /// <summary>How many more there are than <see cref="Attestations"/> had room for; null where all are there.</summary>
    public int? AttestationsOmitted { get; init; }

    public CacheResult? Cache { get; init; }

    /// <summary>export-cache: what came of it.</summary>
    public CacheExportResult? CacheExport { get; init; }

    /// <summary>expire-cache alone.</summary>
    public ExpiryResult? Expiry { get; init; }

    /// <summary>True where the tags were moved by this pod.</summary>
    public bool Published { get; init; }

    /// <summary>Whole seconds that the run took.</summary>
    public int DurationSeconds { get; init; }

    /// <summary>Null on success.</summary>
    public RunFailure? Failure { get; init; }
}

/// <summary>One statement of one attestation manifest.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record AttestationResult(string ManifestDigest, string PredicateType, string Digest, long Size);

/// <summary>How many of the build's steps came from cache; FROM lines and BuildKit's own steps are not counted.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record CacheResult
{
    public int Steps { get; init; }

    public int Cached { get; init; }

    /// <summary>True where the build's own remote cache was there to import.</summary>
    public bool Imported { get; init; }

    /// <summary>What was wrong with the remote cache; null where nothing was.</summary>
    public CacheProblem? Problem { get; init; }
}

/// <summary>What was wrong with the remote cache. No build fails for it.</summary>
/// <param name="Kind">What it means for this build and the next.</param>
/// <param name="Message">A sentence for a person: what is wrong and what to do. No log text: that may hold secrets.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record CacheProblem(CacheProblemKind Kind, string Message);

[JsonConverter(typeof(JsonStringEnumConverter<CacheProblemKind>))]
internal enum CacheProblemKind
{
    /// <summary>The pool's cache needs credentials that this namespace has not: nothing was read, nothing is written.</summary>
    CredentialsMissing,

    /// <summary>It could not be read, and the build ran without it.</summary>
    Unreadable,

    /// <summary>A part of it was gone, and the build ran once more without it.</summary>
    Broken,

    /// <summary>It could not be written.</summary>
    NotWritten,
}

/// <summary>How writing the cache ended, after the build.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record CacheExportResult
{
    /// <summary>True where the cache is written.</summary>
    public bool Written { get; init; }

    /// <summary>Why it is not; null also where there was nothing to write, since the build has failed.</summary>
    public CacheProblem? Problem { get; init; }
}

/// <summary>How a pool's cache is made to go once it is out of use.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ExpiryResult
{
    public const string Lifecycle = nameof(Lifecycle);
    public const string Sweep = nameof(Sweep);

    public const string TtlShort = nameof(TtlShort);
    public const string LifecycleDenied = nameof(LifecycleDenied);
    public const string LifecycleUnsupported = nameof(LifecycleUnsupported);

    public const int MaxConflicts = 5;

    /// <summary>Lifecycle: the bucket does it, by its rules. Sweep: this run has done it by hand.</summary>
    public required string Means { get; init; }

    /// <summary>Why it was a sweep: TtlShort (rules count whole days), LifecycleDenied or LifecycleUnsupported. Null for Lifecycle.</summary>
    public string? Why { get; init; }

    /// <summary>What makes the cache go sooner than it was to, or keeps it longer, each in words for a person.</summary>
    public IReadOnlyList<string> Conflicts { get; init; } = [];

    /// <summary>Null where nothing was counted: rules count nothing.</summary>
    public ExpiredObjects? Manifests { get; init; }

    public ExpiredObjects? Blobs { get; init; }

    /// <summary>True where the rules are in place, or where the sweep has come to its end and left nothing that should go.</summary>
    public bool Complete { get; init; }
}

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record ExpiredObjects(long Kept, long Deleted);

[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
internal sealed record RunFailure
{
    public required FailureClass Class { get; init; }

    /// <summary>CamelCase, from <see cref="FailureReasons"/>.</summary>
    public required string Reason { get; init; }

    /// <summary>One or two sentences for a person: what is wrong and what to do. No log text: that may hold secrets.</summary>
    public required string Message { get; init; }

    /// <summary>The Dockerfile step that failed, as BuildKit names it.</summary>
    public string? Step { get; init; }

    public int? ExitCode { get; init; }

    public static RunFailure Of(FailureClass kind, string reason, string message) => new() { Class = kind, Reason = reason, Message = message };
}

/// <summary>Whose fault a failure is, which decides whether trying again can help.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FailureClass>))]
internal enum FailureClass
{
    /// <summary>The Dockerfile or a RUN step. Final.</summary>
    User,

    /// <summary>A reference, a credential or a name. Final.</summary>
    Config,

    /// <summary>A rule of the pool or of the build. Final.</summary>
    Policy,

    /// <summary>The build's own time is over. Final.</summary>
    Timeout,

    /// <summary>Asked for. Final.</summary>
    Cancelled,

    /// <summary>A builder, a node or the network.</summary>
    Infrastructure,

    /// <summary>The registry is busy or broken (429, 5xx).</summary>
    Registry,

    /// <summary>Nothing recognised it.</summary>
    Unknown,
}
