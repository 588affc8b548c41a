using System.Text.Json;
using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>slipway build: one platform, pushed by digest, read back and checked; tagged too where it is the only one.</summary>
internal sealed class BuildVerb(IProcessRunner processes, GitLookup git, IBuilderProbe probe, TextWriter log, TimeProvider time)
{
    private static readonly TimeSpan LookupLimit = TimeSpan.FromSeconds(60);

    private readonly Solver _solver = new(processes, probe, log, time);

    public Task<RunResult> RunAsync(BuildDescription build, CancellationToken interrupted) => RunReport.OfAsync(
        async report =>
        {
            // Until it is let go of, the container that writes the cache waits.
            using var handover = build.HandoverDirectory is { } folder ? await WithoutFailingAsync(() => Handover.Begin(folder)) : null;
            using var deadline = new Deadline(TimeSpan.FromSeconds(build.TimeoutSeconds), time, interrupted);
            await deadline.GuardAsync(() => RunAsync(build, report, handover, deadline, interrupted));
        },
        log,
        time);

    private async Task RunAsync(BuildDescription build, RunReport report, Handover? handover, Deadline deadline, CancellationToken interrupted)
    {
        // Whatever can be known to be missing is said before a builder spends an hour.
        Solver.GuardClientSecret(build.Builder);
        var config = RunnerRegistry.Config(build.Output);
        using var registry = RunnerRegistry.Connect(build.Output, config, time);
        var tags = new TagPublisher(registry, build.Publish ? build.Output.Tags : [], build.TagsUntil, log, time);
        await RunnerRegistry.GuardAsync(build.Output, log, () => tags.RememberAsync(deadline.Token));
        var (cache, cacheProblem) = await CacheAsync(build.Cache, deadline.Token);
        build = build with { Commit = await CommitAsync(build, report, deadline.Token) };
        using var workplace = new Workplace();
        var solve = workplace.Prepare(build, config, cache);
        await log.WriteLineAsync($"Building {build.Output.Image} for {build.Platform} on {build.Builder.Name}{(build.Commit is null ? "" : $" from {build.Commit}")}");
        Task? forgetting = null;
        try
        {
            var pushed = await PushAsync(solve, cacheProblem, report, deadline, interrupted);
            if (cache is not null && IsWorthWriting(build, report.Result.Cache)) await HandOverAsync(handover, new BuiltOnce { Build = build, Imports = pushed.Solve.Imports });
            forgetting = _solver.ForgetAsync(solve);
            await RunnerRegistry.GuardAsync(build.Output, log, () => PublishAsync(build, registry, tags, PushedDigest(solve.Files.Metadata), report, deadline.Token));
        }
        finally
        {
            await (forgetting ?? _solver.ForgetAsync(solve));
        }
    }

    /// <summary>The run that pushed the image: the first, or one that did without what stood in its way.</summary>
    private async Task<SolveOutcome> PushAsync(Solve solve, CacheProblem? cacheProblem, RunReport report, Deadline deadline, CancellationToken interrupted)
    {
        using var probe = new CacheProbe(solve.Cache, time);
        var outcome = await _solver.RunAsync(solve, deadline, interrupted);
        cacheProblem ??= CacheProblems.OfImport(outcome);
        if (CacheProblems.OfBuild(outcome) is { } broken)
        {
            await log.WriteLineAsync($"{broken.Message} Building once more without the remote cache.");
            cacheProblem = broken;
            outcome = await _solver.RunAsync(solve with { Imports = false, RunsEveryStep = true }, deadline, interrupted);
        }

        report.Result = report.Result with { Cache = CacheStats.Of(outcome.Progress) with { Imported = await probe.ImportedAsync(outcome), Problem = cacheProblem } };
        if (WantsOlderForm(outcome))
        {
            await log.WriteLineAsync("The registry may not take attestations as OCI artifacts: pushing once more, with attestations as image manifests.");
            var build = outcome.Solve.Build;
            // What the cache could not be trusted with the first of the two has run anew.
            outcome = await _solver.RunAsync(
                outcome.Solve with { RunsEveryStep = false, Build = build with { Attestations = build.Attestations with { Format = "manifest" } } }, deadline, interrupted);
        }

        return outcome.Failure(deadline) is { } failure ? throw new RunFailureException(failure) : outcome;
    }

    private Task HandOverAsync(Handover? handover, BuiltOnce built) => WithoutFailingAsync(() =>
    {
        handover?.Pass(built);
        return handover;
    });

    /// <summary>A disk that is full keeps the cache from being written, and not the image from being there.</summary>
    private async Task<Handover?> WithoutFailingAsync(Func<Handover?> step)
    {
        try
        {
            return step();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await log.WriteLineAsync($"The cache cannot be written: {e.Message}");
            return null;
        }
    }

    /// <summary>A cache that was found wanting, in a step or as a whole, is; on a builder that is warm nothing is missed where it is gone.</summary>
    private static bool IsWorthWriting(BuildDescription build, CacheResult? cache) =>
        !build.ExportOnMissOnly || cache is not { Problem: null, Imported: true } || cache.Cached < cache.Steps;

    private async Task PublishAsync(BuildDescription build, RegistryClient registry, TagPublisher tags, string digest, RunReport report, CancellationToken token)
    {
        var index = await ReadBackAsync(build, registry, digest, report, token);
        if (build.Publish)
        {
            // Whose tag somebody else has moved is told so by Published: a publish Job decides then.
            report.Result = report.Result with { Published = await tags.PutAsync(index, token) is null };
        }
    }

    private async Task<string?> CommitAsync(BuildDescription build, RunReport report, CancellationToken token)
    {
        if (build.Git is not { } source || build.Commit is not null) return build.Commit;
        var commit = await git.CommitAsync(source, LookupLimit, token);
        report.Result = report.Result with { Commit = commit };
        return commit;
    }

    /// <summary>A cache whose credentials are not here is done without.</summary>
    private async Task<(CacheAccess? Access, CacheProblem? Problem)> CacheAsync(CacheDescription? cache, CancellationToken token)
    {
        if (cache is null) return (null, null);
        var (access, problem) = await CacheAccess.OpenAsync(cache, token);
        if (problem is not null) await log.WriteLineAsync($"{problem.Message} Building without the remote cache.");
        return (access, problem);
    }

    /// <summary>Only where nobody has said which form is wanted.</summary>
    private static bool WantsOlderForm(SolveOutcome outcome) =>
        outcome is { Refused: true, Solve.Build.Attestations: { IsWanted: true, Format: "auto" } } && ArtifactRefusal.IsLikely(outcome.Errors);

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
}
