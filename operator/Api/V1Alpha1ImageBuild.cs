using System.Text.Json.Serialization;
using k8s;
using k8s.Models;

namespace Slipway.Api;

/// <summary>One image, built natively on every platform and pushed under its tags as one index.</summary>
[KubernetesEntity(Group = SlipwayApi.Group, ApiVersion = SlipwayApi.Version, Kind = KindName, PluralName = "imagebuilds")]
internal sealed record V1Alpha1ImageBuild : IKubernetesObject<V1ObjectMeta>
{
    public const string KindName = "ImageBuild";

    public string ApiVersion { get; set; } = SlipwayApi.GroupVersion;

    public string Kind { get; set; } = KindName;

    public V1ObjectMeta Metadata { get; set; } = new();

    /// <summary>What to build and where to push it.</summary>
    public ImageBuildSpec Spec { get; init; } = new();

    /// <summary>How the build stands; written by the operator alone.</summary>
    public ImageBuildStatus? Status { get; init; }
}

internal sealed record ImageBuildSpec
{
    /// <summary>The pool that builds it.</summary>
    public PoolReference PoolRef { get; init; } = new();

    /// <summary>The build context: exactly one kind.</summary>
    public BuildSource Source { get; init; } = new();

    /// <summary>The Dockerfile, relative to the context. Default: Dockerfile.</summary>
    public string? Dockerfile { get; init; }

    /// <summary>The stage to build. Default: the last one.</summary>
    public string? Target { get; init; }

    /// <summary>What to build for. Default: all of the pool's platforms.</summary>
    public IReadOnlyList<string>? Platforms { get; init; }

    /// <summary>Build arguments. They stand in provenance and image history, so names and values that look like credentials are refused.</summary>
    public IReadOnlyList<BuildArg>? BuildArgs { get; init; }

    /// <summary>Names of build arguments that look like credentials and are none.</summary>
    public IReadOnlyList<string>? AllowBuildArgs { get; init; }

    /// <summary>Where the image goes.</summary>
    public BuildOutput Output { get; init; } = new();

    /// <summary>Which builds share a cache.</summary>
    public BuildCache? Cache { get; init; }

    /// <summary>What is attested about the image and pushed with it.</summary>
    public BuildAttestations? Attestations { get; init; }

    /// <summary>Of the builds of a namespace that wait, those with the highest priority go first. -1000 to 1000. Default 0.</summary>
    public int? Priority { get; init; }

    /// <summary>From the first platform's Job on, over all attempts. 1m to 24h. Default 1h.</summary>
    public string? Timeout { get; init; }

    /// <summary>How often what failed is tried again where trying can help (builder, network, registry): for each platform, and for publishing. 0 to 5. Default 2.</summary>
    public int? Retries { get; init; }

    /// <summary>Of the builds of one namespace and pool in one group, a newer one ends those before it that still wait or run.</summary>
    public string? ConcurrencyGroup { get; init; }

    /// <summary>Any new value builds again.</summary>
    public string? Rerun { get; init; }

    /// <summary>True ends the build, unless it is publishing already.</summary>
    public bool? Cancel { get; init; }

    /// <summary>How long after its end the object is deleted. 0s to 8760h. Absent: never. For builds with generateName, not for objects that Git keeps.</summary>
    public string? TtlAfterFinished { get; init; }

    /// <summary>The pods that drive the build.</summary>
    public JobTemplate? Job { get; init; }
}

internal sealed record PoolReference
{
    /// <summary>The pool's name.</summary>
    public string Name { get; init; } = "";

    /// <summary>Another namespace, if the pool there admits this one. Default: the build's own.</summary>
    public string? Namespace { get; init; }
}

internal sealed record BuildSource
{
    /// <summary>A Git repository that needs no credentials.</summary>
    public GitBuildSource? Git { get; init; }

    /// <summary>A small context written into the object itself.</summary>
    public InlineBuildSource? Inline { get; init; }
}

internal sealed record GitBuildSource
{
    /// <summary>https:// or http:// address without credentials in it.</summary>
    public string Url { get; init; } = "";

    /// <summary>Branch, tag or full commit; looked up once, before any platform starts.</summary>
    public string Revision { get; init; } = "";

    /// <summary>Folder in the repository that is the build context. Default: its root.</summary>
    public string? SubPath { get; init; }
}

internal sealed record InlineBuildSource
{
    /// <summary>Path to content, 96 KiB in all.</summary>
    public IDictionary<string, string> Files { get; init; } = new Dictionary<string, string>();
}

internal sealed record BuildArg
{
    /// <summary>Name, as the Dockerfile's ARG has it.</summary>
    public string Name { get; init; } = "";

    /// <summary>Value, as it is.</summary>
    public string Value { get; init; } = "";
}

internal sealed record BuildOutput
{
    /// <summary>The repository, host/path, without tag and digest.</summary>
    public string Image { get; init; } = "";

    /// <summary>Tags that the index gets when everything else is done.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>A kubernetes.io/dockerconfigjson Secret in the build's namespace. Absent: an anonymous push.</summary>
    public LocalReference? CredentialsSecretRef { get; init; }

    /// <summary>Speak HTTP without TLS to the registry. The pool's registries must say the same.</summary>
    [JsonPropertyName("plainHTTP")]
    public bool? PlainHttp { get; init; }

    /// <summary>PEM of the certificate authorities that the registry is trusted by. The pool's registries must say the same.</summary>
    public string? Ca { get; init; }

    /// <summary>How attestations are stored: Artifact (OCI artifact with a subject), Manifest (the older image manifest), or Auto: as the builder writes them, and as Manifest where the registry refuses that. Default Auto.</summary>
    public string? AttestationFormat { get; init; }
}

internal sealed record BuildCache
{
    /// <summary>What shares one cache. Default: the output repository. It is stored under one name of namespace, scope and platform, with a hash.</summary>
    public string? Scope { get; init; }

    /// <summary>Further caches to read, after the build's own.</summary>
    public IReadOnlyList<CacheSource>? Import { get; init; }

    /// <summary>When the build writes its cache, where the pool lets it. Always; OnMiss: when a step was not in it, or half of its ttl has passed since it was written; Never: it only reads. Default Always.</summary>
    public string? Export { get; init; }
}

internal sealed record CacheSource
{
    /// <summary>The scope of the builds that wrote it.</summary>
    public string Scope { get; init; } = "";

    /// <summary>The namespace of those builds. Default: the build's own.</summary>
    public string? Namespace { get; init; }
}

internal sealed record BuildAttestations
{
    /// <summary>Max, Min or None. Default Max.</summary>
    public string? Provenance { get; init; }

    /// <summary>Write a software bill of materials for each platform. Default true.</summary>
    public bool? Sbom { get; init; }

    /// <summary>Image of the SBOM scanner. Default: BuildKit's, docker/buildkit-syft-scanner:stable-1.</summary>
    public string? SbomGenerator { get; init; }
}

internal sealed record JobTemplate
{
    /// <summary>CPU and memory of the container that drives the build; the steps run on the builder. Where the Job writes a cache, a second container asks for 1m and at most 64Mi beside it, with the same limits.</summary>
    public V1ResourceRequirements? Resources { get; init; }

    /// <summary>Labels that the pod's node must have.</summary>
    public IDictionary<string, string>? NodeSelector { get; init; }

    /// <summary>Taints that the pod puts up with.</summary>
    public IReadOnlyList<V1Toleration>? Tolerations { get; init; }

    /// <summary>ServiceAccount of the Job's pod; its token is not mounted. Default: default.</summary>
    public string? ServiceAccountName { get; init; }
}

internal sealed record ImageBuildStatus
{
    /// <summary>The generation that this status speaks of; -1 before anybody has looked.</summary>
    public long? ObservedGeneration { get; init; }

    /// <summary>Hash of the fields that decide the output; a finished build is built again only when it changes.</summary>
    public string? BuildKey { get; init; }

    /// <summary>Pending, Queued, Building, Publishing, Succeeded, Failed, Cancelled or Superseded.</summary>
    public string? Phase { get; init; }

    /// <summary>Ready, Reconciling and Stalled as kstatus reads them; Succeeded and Complete for kubectl wait; CacheHealthy.</summary>
    public IReadOnlyList<V1Condition>? Conditions { get; init; }

    /// <summary>The full commit that the revision meant when the build began; every platform builds it.</summary>
    public string? Commit { get; init; }

    /// <summary>repository@digest of the index.</summary>
    public string? Image { get; init; }

    /// <summary>Digest of the index that the tags point at.</summary>
    public string? IndexDigest { get; init; }

    /// <summary>The tags that were put on it.</summary>
    public IReadOnlyList<string>? Tags { get; init; }

    /// <summary>Tags that newer builds have put while this one was under way: it leaves them alone, also when those builds are gone since.</summary>
    public IReadOnlyList<string>? SupersededTags { get; init; }

    /// <summary>How each platform stands.</summary>
    public IReadOnlyList<PlatformBuildStatus>? Platforms { get; init; }

    /// <summary>Why nothing runs yet.</summary>
    public QueueStatus? Queue { get; init; }

    /// <summary>How putting the index together and tagging it stands, where a Job of its own does that.</summary>
    public PublishStatus? Publish { get; init; }

    /// <summary>Attempts that failed and were followed, or will be, by another; oldest first.</summary>
    public IReadOnlyList<FailedAttempt>? FailedAttempts { get; init; }

    /// <summary>When this buildKey was asked for: of two builds with one tag or in one concurrency group, the later one is the newer.</summary>
    public DateTime? RequestedAt { get; init; }

    /// <summary>When the first platform's Job was created.</summary>
    public DateTime? StartedAt { get; init; }

    /// <summary>When the build ended, either way.</summary>
    public DateTime? CompletedAt { get; init; }

    /// <summary>Seconds from startedAt to completedAt, as a duration such as 1m12s.</summary>
    public string? Duration { get; init; }

    /// <summary>Why the build failed: the class decides whether trying again can help.</summary>
    public BuildFailure? Failure { get; init; }

    /// <summary>Short forms for the printer columns.</summary>
    public BuildSummary? Summary { get; init; }
}

internal sealed record BuildSummary
{
    /// <summary>The platforms, joined by commas.</summary>
    public string? Platforms { get; init; }

    /// <summary>Cached steps over all steps of all platforms, such as 22/24.</summary>
    public string? Cache { get; init; }

    /// <summary>The index digest's first twelve hexadecimal digits.</summary>
    public string? Digest { get; init; }
}

internal sealed record PublishStatus
{
    /// <summary>Jobs that were started for it.</summary>
    public int? Attempts { get; init; }

    /// <summary>When the last of them was created.</summary>
    public DateTime? StartedAt { get; init; }
}

internal sealed record FailedAttempt
{
    /// <summary>prepare, build or publish.</summary>
    public string Role { get; init; } = "";

    /// <summary>os/architecture[/variant], where the role is build.</summary>
    public string? Platform { get; init; }

    /// <summary>1 for the first.</summary>
    public int? Attempt { get; init; }

    /// <summary>The builder that it ran on.</summary>
    public string? Builder { get; init; }

    /// <summary>Infrastructure, Registry or Unknown.</summary>
    public string? Class { get; init; }

    /// <summary>One of the reasons in docs/reasons.md.</summary>
    public string? Reason { get; init; }

    /// <summary>When the failure was seen: the next attempt waits from then on.</summary>
    public DateTime? At { get; init; }
}

internal sealed record QueueStatus
{
    /// <summary>Since when the build waits.</summary>
    public DateTime? Since { get; init; }

    /// <summary>NoBuilderFree, NoBuilderReady or WarmBuilderBusy.</summary>
    public string? Reason { get; init; }
}

internal sealed record PlatformBuildStatus
{
    /// <summary>os/architecture[/variant].</summary>
    public string Platform { get; init; } = "";

    /// <summary>Pending, Queued, Building, Succeeded, Failed or Cancelled.</summary>
    public string? Phase { get; init; }

    /// <summary>When its Job was created.</summary>
    public DateTime? StartedAt { get; init; }

    /// <summary>The builder that built it: a pod of the pool, or host:port of one outside the cluster.</summary>
    public string? Builder { get; init; }

    /// <summary>The builder whose own cache is warm for builds of this scope. Another one built it where that had no room.</summary>
    public string? PreferredBuilder { get; init; }

    /// <summary>Native, Emulated, or External for a builder outside the cluster.</summary>
    public string? Mode { get; init; }

    /// <summary>Jobs that were started for it.</summary>
    public int? Attempts { get; init; }

    /// <summary>How long it waited for a builder.</summary>
    public string? Queued { get; init; }

    /// <summary>How long its Job took.</summary>
    public string? Duration { get; init; }

    /// <summary>Digest of the index that this platform pushed: its image manifest and its attestation manifest, which publish puts together.</summary>
    public string? PushedDigest { get; init; }

    /// <summary>Digest of the image manifest in the index.</summary>
    public string? ImageDigest { get; init; }

    /// <summary>How much of the build was known already.</summary>
    public CacheStatus? Cache { get; init; }

    /// <summary>What was attested about this platform's image, read back from the registry.</summary>
    public IReadOnlyList<AttestationStatus>? Attestations { get; init; }

    /// <summary>Why this platform failed.</summary>
    public BuildFailure? Failure { get; init; }
}

internal sealed record CacheStatus
{
    /// <summary>Steps of the Dockerfile that were counted.</summary>
    public int? Steps { get; init; }

    /// <summary>Steps that were not run since their result was known.</summary>
    public int? Cached { get; init; }

    /// <summary>cached over steps, two decimals.</summary>
    public string? Ratio { get; init; }

    /// <summary>True where the build's own cache was there to import.</summary>
    public bool? Imported { get; init; }

    /// <summary>What was wrong with the remote cache; absent where all went well.</summary>
    public CacheProblemStatus? Problem { get; init; }
}

internal sealed record CacheProblemStatus
{
    /// <summary>One of the cache reasons in docs/reasons.md.</summary>
    public string Reason { get; init; } = "";

    /// <summary>What happened and what to do, for people.</summary>
    public string? Message { get; init; }
}

internal sealed record AttestationStatus
{
    /// <summary>Digest of the attestation manifest in the index.</summary>
    public string ManifestDigest { get; init; } = "";

    /// <summary>What is stated: https://slsa.dev/provenance/... or https://spdx.dev/Document.</summary>
    public string PredicateType { get; init; } = "";

    /// <summary>Digest of the in-toto statement.</summary>
    public string Digest { get; init; } = "";

    /// <summary>Bytes of the in-toto statement.</summary>
    public long? Size { get; init; }
}

internal sealed record BuildFailure
{
    /// <summary>User, Config, Policy, Timeout, Cancelled, Infrastructure, Registry or Unknown.</summary>
    public string? Class { get; init; }

    /// <summary>One of the reasons in docs/reasons.md.</summary>
    public string? Reason { get; init; }

    /// <summary>What happened and what to do, for people.</summary>
    public string? Message { get; init; }

    /// <summary>The Dockerfile step that failed.</summary>
    public string? Step { get; init; }

    /// <summary>The failed step's exit code.</summary>
    public int? ExitCode { get; init; }

    /// <summary>The command that shows the log.</summary>
    public string? Log { get; init; }
}
