using System.Text.Json;
using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>slipway build: one platform, pushed by digest, read back and checked; tagged too where it is the only one.</summary>
internal sealed class BuildVerb(IProcessRunner processes, GitLookup git, IBuilderProbe probe, TextWriter log, TimeProvider time)
{
    private static readonly TimeSpan LookupLimit = TimeSpan.FromSeconds(60);

    public Task<RunResult> RunAsync(BuildDescription build, CancellationToken interrupted) => RunReport.OfAsync(
        async report =>
        {
            using var deadline = new Deadline(TimeSpan.FromSeconds(build.TimeoutSeconds), time, interrupted);
            await deadline.GuardAsync(() => RunAsync(build, report, deadline, interrupted));
        },
        log,
        time);

    private async Task RunAsync(BuildDescription build, RunReport report, Deadline deadline, CancellationToken interrupted)
    {
        // Whatever can be known to be missing is said before a builder spends an hour.
        GuardClientSecret(build.Builder);
        var config = RunnerRegistry.Config(build.Output);
        using var registry = RunnerRegistry.Connect(build.Output, config, time);
        var tags = new TagPublisher(registry, build.Publish ? build.Output.Tags : [], build.TagsUntil, log, time);
        await RunnerRegistry.GuardAsync(build.Output, log, () => tags.RememberAsync(deadline.Token));
        var (cache, cacheConfig, cacheCredentialsMissing) = await CacheAsync(build.Cache);
        using var folder = new TemporaryFolder();
        var environment = Environment(folder, build, config, cacheConfig);

        if (build.ContextDirectory is { } mounted)
        {
            build = build with { ContextDirectory = Path.Combine(folder.Path, "context") };
            ContextFolder.Copy(mounted, build.ContextDirectory);
        }

        var commit = build.Commit;
        if (build.Git is { } source && commit is null)
        {
            commit = await git.CommitAsync(source, LookupLimit, deadline.Token);
            report.Result = report.Result with { Commit = commit };
        }

        var files = Files(folder, build.Output);
        await log.WriteLineAsync($"Building {build.Output.Image} for {build.Platform} on {build.Builder.Name}{(commit is null ? "" : $" from {commit}")}");
        var solve = new Solve(build with { Cache = cache, Commit = commit }, files, environment);
        var (end, progress) = await SolveAsync(solve, deadline, interrupted);
        report.Result = report.Result with { Cache = CacheStats.Of(progress) with { CredentialsMissing = cacheCredentialsMissing } };
        if (WantsOlderForm(solve.Build, end, progress))
        {
            await log.WriteLineAsync("The registry may not take attestations as OCI artifacts: pushing once more, with attestations as image manifests.");
            // What the cache could not be trusted with the first of the two has run anew.
            solve = solve with { Build = solve.Build with { NoCache = false, Attestations = solve.Build.Attestations with { Format = "manifest" } } };
            (end, progress) = await SolveAsync(solve, deadline, interrupted);
        }

        if (Failure(solve.Build, end, progress, deadline) is { } failure)
        {
            throw new RunFailureException(failure);
        }

        await RunnerRegistry.GuardAsync(build.Output, log, async () =>
        {
            var index = await ReadBackAsync(build, registry, PushedDigest(files.Metadata), report, deadline.Token);
            if (build.Publish)
            {
                // Whose tag somebody else has moved is told so by Published: a publish Job decides then.
                report.Result = report.Result with { Published = await tags.PutAsync(index, deadline.Token) is null };
            }
        });
    }

    private static BuildctlFiles Files(TemporaryFolder folder, OutputDescription output) => new()
    {
        Metadata = Path.Combine(folder.Path, "metadata.json"),
        Ref = Path.Combine(folder.Path, "ref"),
        RegistryCa = output.Ca is { } pem ? folder.Write("registry-ca.pem", pem) : null,
    };

    private async Task<(BuildctlEnd End, ProgressReader Progress)> SolveAsync(Solve solve, Deadline deadline, CancellationToken interrupted)
    {
        var command = new BuildctlCommand
        {
            Process = new ProcessCommand { Program = "buildctl", Arguments = BuildctlArgs.Of(solve.Build, solve.Build.Commit, solve.Files), Environment = solve.Environment },
            Builder = solve.Build.Builder,
            RefFile = solve.Files.Ref,
        };
        var progress = new ProgressReader();
        return (await new BuildctlRun(processes, probe, log, time).RunAsync(command, progress, deadline.Over, interrupted), progress);
    }

    /// <summary>Only where nobody has said which form is wanted.</summary>
    private static bool WantsOlderForm(BuildDescription build, BuildctlEnd end, ProgressReader progress) =>
        build.Attestations is { IsWanted: true, Format: "auto" }
        && end is { Stopped: StopReason.None, ExitCode: not 0 }
        && ArtifactRefusal.IsLikely(Classifier.Errors(progress.Tail, progress.Failed));

    private static void GuardClientSecret(BuilderEndpoint builder)
    {
        if (builder.ClientSecret is not { } secret || BuildctlArgs.CertificateFiles(builder).All(File.Exists)) return;
        throw new RunFailureException(FailureClass.Config, FailureReasons.CredentialsSecretMissing,
            $"The Secret {secret} for the builder {builder.Name} is not there, or has not ca.crt, tls.crt and tls.key: create it in the namespace of the build.");
    }

    /// <summary>A cache whose Secret is not here is done without: the pool names it, and this namespace need not have it.</summary>
    private async Task<(RegistryCacheDescription? Cache, byte[]? Config, bool CredentialsMissing)> CacheAsync(RegistryCacheDescription? cache)
    {
        if (cache?.CredentialsDirectory is not { } folder)
        {
            return (cache, null, false);
        }

        if (CredentialFiles.Read(folder) is { } config)
        {
            return (cache, config, false);
        }

        await log.WriteLineAsync("The Secret of the pool's cache is not in this namespace: building without the remote cache.");
        return (null, null, true);
    }

    /// <summary>The whole environment of buildctl. Nothing of ours is in it, so nothing of ours can end up in a build.</summary>
    private static Dictionary<string, string> Environment(TemporaryFolder folder, BuildDescription build, byte[]? config, byte[]? cacheConfig)
    {
        try
        {
            IEnumerable<byte[]> configs = [.. config is null ? Array.Empty<byte[]>() : [config], .. cacheConfig is null ? Array.Empty<byte[]>() : [cacheConfig]];
            folder.Write("config.json", CredentialFiles.Merge(configs));
        }
        catch (FormatException)
        {
            throw new RunFailureException(FailureClass.Config, FailureReasons.CredentialsInvalid, $"The Docker config.json of {build.Output.CredentialsSecret ?? "the output or the cache"} cannot be read.");
        }

        var environment = new Dictionary<string, string> { ["PATH"] = RunnerEnvironment.Path, ["HOME"] = folder.Path, ["DOCKER_CONFIG"] = folder.Path };
        if (build.TraceParent is { } trace)
        {
            // buildctl makes its spans children of this one, and hands the context on to the builder.
            environment["TRACEPARENT"] = trace;
        }

        return environment;
    }

    private static RunFailure? Failure(BuildDescription build, BuildctlEnd end, ProgressReader progress, Deadline deadline) => end switch
    {
        { Stopped: StopReason.TimedOut } => deadline.TimedOut,
        { Stopped: StopReason.Interrupted } => Deadline.Interrupted,
        { Stopped: StopReason.BuilderLost } => new RunFailure
        {
            Class = FailureClass.Infrastructure,
            Reason = FailureReasons.BuilderLost,
            Message = $"The builder {build.Builder.Name} fell silent and answers no more.",
        },
        { ExitCode: 0 } => null,
        _ => Classifier.Classify(new BuildctlFailure
        {
            ExitCode = end.ExitCode,
            Tail = progress.Tail,
            Failed = progress.Failed,
            Started = progress.Vertices.Count > 0,
            Build = build,
        }),
    };

    private static string PushedDigest(string metadataFile)
    {
        var digest = File.Exists(metadataFile) ? JsonSerializer.Deserialize(File.ReadAllBytes(metadataFile), BuildctlJson.Default.BuildMetadata)?.ImageDigest : null;
        return Digests.IsValid(digest) ? digest!
            : throw new RunFailureException(FailureClass.Infrastructure, FailureReasons.ResultIncomplete, "buildctl ended well and did not say what it pushed.");
    }

    private async Task<ManifestBody> ReadBackAsync(BuildDescription build, RegistryClient registry, string digest, RunReport report, CancellationToken token)
    {
        var (index, contents) = await new IndexPublisher(registry).AssembleAsync([digest], IndexPublisher.Expectation([build.Platform], build.Attestations), token);
        report.Result = report.Result with
        {
            IndexDigest = build.Publish ? index.Digest : digest,
            ImageDigest = contents.Images[0].Digest,
            Attestations = IndexPublisher.Attestations(contents),
        };
        if (build.Attestations.Format == "artifact" && contents.Statements.Any(statement => !statement.IsArtifact))
        {
            throw new RunFailureException(FailureClass.Config, FailureReasons.AttestationFormatUnsupported,
                $"The builder {build.Builder.Name} stored the attestations as image manifests, not as OCI artifacts: raise the pool's spec.image to a newer BuildKit, or set output.attestationFormat to Auto or Manifest.");
        }

        await log.WriteLineAsync($"Pushed {build.Output.Image}@{report.Result.IndexDigest} with {contents.Statements.Count} attestations");
        return index;
    }

    /// <summary>One run of buildctl, described.</summary>
    private sealed record Solve(BuildDescription Build, BuildctlFiles Files, IReadOnlyDictionary<string, string> Environment);
}
