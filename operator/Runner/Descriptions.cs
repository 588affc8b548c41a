using System.Text.Json.Serialization;

namespace Slipway.Runner;

/// <summary>
/// What a Job is asked to do, handed over as JSON in one argument. It names files that the pod mounts,
/// never their content: no credential travels in a pod spec.
/// </summary>
internal sealed record PrepareDescription
{
    public required GitSource Git { get; init; }

    /// <summary>Seconds until the lookup is given up.</summary>
    public int TimeoutSeconds { get; init; } = 60;
}

/// <summary>One platform of one build.</summary>
internal sealed record BuildDescription
{
    public required string Platform { get; init; }

    public required BuilderEndpoint Builder { get; init; }

    /// <summary>The Git source, or null where the context is <see cref="ContextDirectory"/>.</summary>
    public GitSource? Git { get; init; }

    /// <summary>A mounted folder that is the build context (inline sources).</summary>
    public string? ContextDirectory { get; init; }

    /// <summary>The full commit; null only where this pod resolves the revision itself (builds of one platform).</summary>
    public string? Commit { get; init; }

    public string Dockerfile { get; init; } = "Dockerfile";

    public string? Target { get; init; }

    public IReadOnlyList<BuildArgument> BuildArgs { get; init; } = [];

    public required OutputDescription Output { get; init; }

    /// <summary>Where build cache outlives the builder; null builds without it.</summary>
    public CacheDescription? Cache { get; init; }

    /// <summary>True where the cache is not worth writing as long as every step was in it.</summary>
    public bool ExportOnMissOnly { get; init; }

    /// <summary>Keeps cache mounts (RUN --mount=type=cache) of different tenants and scopes apart: namespace/scope.</summary>
    public required string CacheMountNamespace { get; init; }

    public AttestationDescription Attestations { get; init; } = new();

    /// <summary>A folder that the pod's container that writes the cache shares; null where the cache is not to be written.</summary>
    public string? HandoverDirectory { get; init; }

    /// <summary>Seconds for the whole run of this pod; the pod's own deadline is a minute later, so that a result is always written.</summary>
    public required int TimeoutSeconds { get; init; }

    /// <summary>Put the tags on the pushed index too: builds of one platform need no second pod. Where somebody else has moved one meanwhile, that is left to a publish Job.</summary>
    public bool Publish { get; init; }

    /// <summary>No tag is put after this moment by the wall clock: a pod that slept through it may have been given up long ago.</summary>
    public DateTimeOffset? TagsUntil { get; init; }

    /// <summary>W3C trace context of this attempt, for buildctl's own spans; null traces nothing.</summary>
    public string? TraceParent { get; init; }
}

/// <summary>Merge the indexes that the platforms pushed, check the result, tag it last.</summary>
internal sealed record PublishDescription
{
    public required IReadOnlyList<PlatformIndex> Platforms { get; init; }

    public required OutputDescription Output { get; init; }

    public AttestationDescription Attestations { get; init; } = new();

    public int TimeoutSeconds { get; init; } = 300;

    /// <summary>No tag is put after this moment by the wall clock.</summary>
    public DateTimeOffset? TagsUntil { get; init; }
}

/// <summary>The index that one platform's build pushed by digest.</summary>
internal sealed record PlatformIndex(string Platform, string Digest);

/// <summary>A buildkitd and how to be sure that it is the one meant. The certificates lie in <see cref="TlsDirectory"/>.</summary>
internal sealed record BuilderEndpoint
{
    /// <summary>tcp://ip:port.</summary>
    public required string Address { get; init; }

    /// <summary>The name that the builder's certificate must carry.</summary>
    public required string ServerName { get; init; }

    /// <summary>Holds ca.crt, tls.crt and tls.key.</summary>
    public required string TlsDirectory { get; init; }

    /// <summary>The Secret behind <see cref="TlsDirectory"/> as namespace/name where it is the user's, for messages. An empty folder means that it is missing.</summary>
    public string? ClientSecret { get; init; }

    /// <summary>The builder, for messages.</summary>
    public required string Name { get; init; }
}

/// <summary>A Git repository, a revision of it (branch, tag or full commit) and a folder in it.</summary>
internal sealed record GitSource(string Url, string Revision, string? SubPath = null);

internal sealed record BuildArgument(string Name, string Value);

/// <summary>Where the image goes.</summary>
internal sealed record OutputDescription
{
    /// <summary>The repository, without tag and digest: host/path.</summary>
    public required string Image { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Folder with a Docker config.json; null for anonymous pushes. An empty folder means that the Secret is missing.</summary>
    public string? CredentialsDirectory { get; init; }

    /// <summary>Name of the Secret behind <see cref="CredentialsDirectory"/>, for messages.</summary>
    public string? CredentialsSecret { get; init; }

    public bool PlainHttp { get; init; }

    /// <summary>PEM of the certificate authorities that the registry is trusted by, beside the system's.</summary>
    public string? Ca { get; init; }
}

internal sealed record AttestationDescription
{
    /// <summary>max, min or none.</summary>
    public string Provenance { get; init; } = "max";

    [JsonIgnore]
    public bool WantsProvenance => Provenance != "none";

    [JsonIgnore]
    public bool IsWanted => WantsProvenance || Sbom;

    /// <summary>As far as was said: a builder's own default may still be the older form.</summary>
    [JsonIgnore]
    public bool MayBeArtifacts => IsWanted && Format != "manifest";

    public bool Sbom { get; init; } = true;

    /// <summary>Image of the SBOM scanner; null takes BuildKit's own default.</summary>
    public string? SbomGenerator { get; init; }

    /// <summary>The builder id that provenance names; null leaves it out.</summary>
    public string? BuilderId { get; init; }

    /// <summary>auto, artifact or manifest: how the builder stores them.</summary>
    public string Format { get; init; } = "auto";
}
