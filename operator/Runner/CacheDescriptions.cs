namespace Slipway.Runner;

/// <summary>Where build cache outlives builders: in exactly one of a registry and a bucket.</summary>
internal sealed record CacheDescription
{
    /// <summary>This build's own name there: a tag, or the name of a manifest in the bucket.</summary>
    public required string Name { get; init; }

    /// <summary>Names to import from as well, after the own one.</summary>
    public IReadOnlyList<string> Others { get; init; } = [];

    /// <summary>max or min.</summary>
    public string Mode { get; init; } = "max";

    public RegistryCacheDescription? Registry { get; init; }

    public S3CacheDescription? S3 { get; init; }

    /// <summary>Name of the Secret with the credentials, for messages.</summary>
    public string? CredentialsSecret { get; init; }
}

/// <summary>Cache images of one repository, a tag for each name.</summary>
internal sealed record RegistryCacheDescription
{
    /// <summary>host/path.</summary>
    public required string Repository { get; init; }

    /// <summary>Folder with a Docker config.json; null for anonymous use. Empty (no such Secret here): the build runs without this cache and says so.</summary>
    public string? CredentialsDirectory { get; init; }
}

/// <summary>Cache in a bucket: manifests by name, and the blobs of all names.</summary>
internal sealed record S3CacheDescription
{
    public required string Bucket { get; init; }

    public required string Region { get; init; }

    /// <summary>What every key begins with: empty, or ending in a slash, since what follows is joined to it as it is.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>http:// or https:// address of a server other than Amazon's.</summary>
    public string? EndpointUrl { get; init; }

    /// <summary>endpoint/bucket/key in place of bucket.endpoint/key.</summary>
    public bool UsePathStyle { get; init; }

    /// <summary>A blob that is older than this many seconds is touched by an export that needs it, which begins its time anew.</summary>
    public int TouchRefreshSeconds { get; init; } = 24 * 60 * 60;

    /// <summary>Folder with the keys; null for the pod's own cloud identity. Empty (no such Secret here): the build runs without this cache and says so.</summary>
    public string? CredentialsDirectory { get; init; }
}

/// <summary>Make what a pool's cache no longer uses go: by rules of the bucket, or by hand.</summary>
internal sealed record ExpireCacheDescription
{
    /// <summary>The pool's uid: it names the rules, so that pools and clusters that share a bucket keep off each other's.</summary>
    public required string Owner { get; init; }

    /// <summary>How long a cache stays that nobody writes.</summary>
    public required int TtlSeconds { get; init; }

    public S3CacheDescription? S3 { get; init; }

    public RegistryExpiryDescription? Registry { get; init; }

    /// <summary>Name of the Secret with the credentials, for messages.</summary>
    public string? CredentialsSecret { get; init; }

    /// <summary>How long after a change of the rules they are read again: whoever else changes them may have read them before.</summary>
    public int VerifyAfterSeconds { get; init; } = 60;

    public int TimeoutSeconds { get; init; } = 900;
}

/// <summary>Tags of a repository that no build has used for the time that caches stay.</summary>
internal sealed record RegistryExpiryDescription
{
    /// <summary>The repository, and the credentials for it.</summary>
    public required RegistryCacheDescription Cache { get; init; }

    public bool PlainHttp { get; init; }

    public bool InsecureSkipVerify { get; init; }

    /// <summary>PEM of the certificate authorities that the registry is trusted by, beside the system's.</summary>
    public string? Ca { get; init; }

    public required IReadOnlyList<string> UnusedTags { get; init; }
}

/// <summary>Write the cache of what the pod's other container builds.</summary>
internal sealed record ExportCacheDescription
{
    /// <summary>The folder of <see cref="BuildDescription.HandoverDirectory"/>.</summary>
    public required string HandoverDirectory { get; init; }

    /// <summary>Seconds for writing it, from the moment on that there is an image.</summary>
    public required int TimeoutSeconds { get; init; }
}
