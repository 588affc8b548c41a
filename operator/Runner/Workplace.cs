namespace Slipway.Runner;

/// <summary>The folder that a pod's runs of buildctl read and write.</summary>
internal sealed class Workplace : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <param name="build">What is to be built.</param>
    /// <param name="config">Docker config of the output; null for anonymous use.</param>
    /// <param name="cache">Null where the build does without a remote one.</param>
    public Solve Prepare(BuildDescription build, byte[]? config, CacheAccess? cache)
    {
        if (build.ContextDirectory is { } mounted)
        {
            build = build with { ContextDirectory = Path.Combine(_folder.Path, "context") };
            ContextFolder.Copy(mounted, build.ContextDirectory);
        }

        return new Solve { Build = build, Files = Files(build.Output), Environment = Environment(build, [config, cache?.RegistryConfig]), Cache = cache };
    }

    private BuildctlFiles Files(OutputDescription output) => new()
    {
        Metadata = Path.Combine(_folder.Path, "metadata.json"),
        Ref = Path.Combine(_folder.Path, "ref"),
        RegistryCa = output.Ca is { } pem ? _folder.Write("registry-ca.pem", pem) : null,
    };

    /// <summary>Nothing of ours is in it, so nothing of ours can end up in a build.</summary>
    private Dictionary<string, string> Environment(BuildDescription build, IEnumerable<byte[]?> configs)
    {
        try
        {
            _folder.Write("config.json", CredentialFiles.Merge(configs.OfType<byte[]>()));
        }
        catch (FormatException)
        {
            throw new RunFailureException(FailureClass.Config, FailureReasons.CredentialsInvalid, $"The Docker config.json of {build.Output.CredentialsSecret ?? "the output or the cache"} cannot be read.");
        }

        var environment = new Dictionary<string, string> { ["PATH"] = RunnerEnvironment.Path, ["HOME"] = _folder.Path, ["DOCKER_CONFIG"] = _folder.Path };
        if (build.TraceParent is { } trace)
        {
            // buildctl makes its spans children of this one, and hands the context on to the builder.
            environment["TRACEPARENT"] = trace;
        }

        return environment;
    }
}
