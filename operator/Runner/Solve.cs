namespace Slipway.Runner;

/// <summary>One run of buildctl, described: a build, and what is wanted of it.</summary>
internal sealed record Solve
{
    /// <summary>With the commit that its revision means.</summary>
    public required BuildDescription Build { get; init; }

    public required BuildctlFiles Files { get; init; }

    /// <summary>The whole of buildctl's environment.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Null where there is none, or none that this pod has credentials for.</summary>
    public CacheAccess? Cache { get; init; }

    public bool Imports { get; init; } = true;

    /// <summary>False: the image is pushed. True: the cache is written and nothing else.</summary>
    public bool WritesCache { get; init; }

    /// <summary>A builder may still hold references to cache content that is gone: nothing that it knows is used.</summary>
    public bool RunsEveryStep { get; init; }
}

/// <summary>Files that one run of buildctl reads and writes.</summary>
internal sealed record BuildctlFiles
{
    public required string Metadata { get; init; }

    /// <summary>The builder's name for the solve, written as buildctl ends, also when it was interrupted.</summary>
    public required string Ref { get; init; }

    /// <summary>The registry's own CA, for the tokens that buildctl fetches itself; the daemon has it from the pool's configuration.</summary>
    public string? RegistryCa { get; init; }
}
