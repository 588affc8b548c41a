using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>
/// A build as an argument array for buildctl, 0.13 and on. Nothing here depends on the version: what newer daemons changed
/// is their defaults (image-manifest since 0.21, provenance v1, attestations as OCI artifacts since 0.32), so every one that
/// matters is said.
/// </summary>
internal static class BuildctlArgs
{
    private const int ConnectSeconds = 15;
    private const int ProbeSeconds = 5;

    public static IReadOnlyList<string> Of(Solve solve) =>
    [
        .. Connection(solve.Build.Builder, ConnectSeconds),
        "build",
        "--frontend", "dockerfile.v0",
        .. Source(solve.Build),
        .. Opt("filename", solve.Build.Dockerfile),
        .. solve.Build.Target is null ? [] : Opt("target", solve.Build.Target),
        .. Opt("platform", solve.Build.Platform),
        // The value is always there: buildctl would fill a bare name from the Job's environment.
        .. solve.Build.BuildArgs.SelectMany(argument => Opt($"build-arg:{argument.Name}", argument.Value)),
        .. Opt("build-arg:BUILDKIT_CACHE_MOUNT_NS", solve.Build.CacheMountNamespace),
        .. solve.RunsEveryStep ? ["--no-cache"] : Array.Empty<string>(),
        .. solve is { Imports: true, Cache: { } source } ? CacheArgs.Import(source, solve.Build.Output) : [],
        .. solve is { WritesCache: true, Cache: { } target } ? CacheArgs.Export(target, solve.Build.Output) : Image(solve),
        .. solve.Files.RegistryCa is null ? [] : RegistryTls(solve.Build.Output, solve.Files.RegistryCa),
        "--ref-file", solve.Files.Ref,
        "--progress", "rawjson",
    ];

    /// <summary>Asks for the workers: the least that a builder answers.</summary>
    public static IReadOnlyList<string> Workers(BuilderEndpoint builder) => [.. Connection(builder, ProbeSeconds), "debug", "workers"];

    /// <summary>Asks for the solves that run and have run: a line "STARTED ref" or "COMPLETE ref" each.</summary>
    public static IReadOnlyList<string> Histories(BuilderEndpoint builder) =>
        [.. Connection(builder, ProbeSeconds), "debug", "histories", "--format", "{{.Type}} {{.Record.Ref}}"];

    /// <summary>Has it forget the solves that have ended.</summary>
    public static IReadOnlyList<string> PruneHistories(BuilderEndpoint builder) => [.. Connection(builder, ProbeSeconds), "prune-histories"];

    /// <summary>Of the authority, the client's certificate and its key.</summary>
    public static string[] CertificateFiles(BuilderEndpoint builder) =>
        [Path.Combine(builder.TlsDirectory, "ca.crt"), Path.Combine(builder.TlsDirectory, "tls.crt"), Path.Combine(builder.TlsDirectory, "tls.key")];

    private static string[] Connection(BuilderEndpoint builder, int seconds) =>
    [
        "--addr", builder.Address,
        "--tlsservername", builder.ServerName,
        "--tlscacert", CertificateFiles(builder)[0],
        "--tlscert", CertificateFiles(builder)[1],
        "--tlskey", CertificateFiles(builder)[2],
        "--timeout", seconds.ToString(System.Globalization.CultureInfo.InvariantCulture),
    ];

    /// <summary>Pushed, and what was pushed told.</summary>
    private static IEnumerable<string> Image(Solve solve) =>
        [.. Attestations(solve.Build.Attestations), "--output", Output(solve.Build), "--metadata-file", solve.Files.Metadata];

    private static string[] Source(BuildDescription build)
    {
        if (build.Git is { } git)
        {
            var folder = string.IsNullOrEmpty(git.SubPath) ? "" : ":" + git.SubPath;
            return Opt("context", $"{GitUrl.ForBuildKit(git.Url)}#{build.Commit}{folder}");
        }

        // dockerfile.v0 reads the Dockerfile from a source of its own.
        return ["--local", $"context={build.ContextDirectory}", "--local", $"dockerfile={build.ContextDirectory}"];
    }

    private static string[] Opt(string name, string value) => ["--opt", $"{name}={value}"];

    private static List<string> Attestations(AttestationDescription wanted)
    {
        List<string> options = [];
        if (wanted.WantsProvenance)
        {
            string[] builder = wanted.BuilderId is null ? [] : [$"builder-id={wanted.BuilderId}"];
            options.AddRange(Opt("attest:provenance", CsvFields.Join([$"mode={wanted.Provenance}", "version=v1", .. builder])));
        }

        if (wanted.Sbom)
        {
            options.AddRange(Opt("attest:sbom", wanted.SbomGenerator is null ? "" : CsvFields.Join([$"generator={wanted.SbomGenerator}"])));
        }

        return options;
    }

    /// <summary>By digest, so that no tag exists before the whole index does.</summary>
    private static string Output(BuildDescription build) => CsvFields.Join(
    [
        "type=image",
        $"name={RepositoryName.Parse(build.Output.Image)}",
        "push=true",
        "push-by-digest=true",
        "name-canonical=true",
        "oci-mediatypes=true",
        .. Format(build.Attestations),
        .. Insecure(build.Output.PlainHttp),
    ]);

    /// <summary>Unsaid it is the builder's default; a builder that does not know the attribute passes it over.</summary>
    private static string[] Format(AttestationDescription attestations) => attestations switch
    {
        { IsWanted: true, Format: "artifact" } => ["oci-artifact=true"],
        { IsWanted: true, Format: "manifest" } => ["oci-artifact=false"],
        _ => [],
    };

    private static string[] RegistryTls(OutputDescription output, string ca) =>
        ["--registry-auth-tlscontext", CsvFields.Join([$"host={RepositoryName.Parse(output.Image).Host}", $"ca={ca}"])];

    private static string[] Insecure(bool plainHttp) => plainHttp ? ["registry.insecure=true"] : [];
}
