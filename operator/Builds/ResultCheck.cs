using System.Text.RegularExpressions;
using Slipway.JobPods;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>What a Job has done where it says that it succeeded.</summary>
[Flags]
internal enum ResultKind
{
    None = 0,
    Commit = 1,
    Pushed = 2,
    Published = 4,
}

/// <summary>
/// A result is text from a pod in a tenant's namespace. What has not the shape of one is none: it would make the API
/// server refuse every status that holds it.
/// </summary>
internal static partial class ResultCheck
{
    private const int MostAttestations = 16;
    private const int LongestPredicateType = 1024;
    private const int MostSteps = 100_000;
    private const int LongestProblem = 1000;

    public static bool IsSound(RunResult result, ResultKind wanted) => HasShape(result) && (result.Failure is not null || Has(result, wanted));

    public static bool IsSound(CacheExportResult export) => IsSound(export.Problem);

    private static bool IsSound(CacheProblem? problem) => problem is null || (Enum.IsDefined(problem.Kind) && problem.Message.Length <= LongestProblem);

    private static bool HasShape(RunResult result) =>
        Absent(result.Commit, Commit()) && Absent(result.IndexDigest, Digest()) && Absent(result.ImageDigest, Digest())
        && (result.Attestations ?? []) is { Count: <= MostAttestations } attestations && attestations.All(IsSound)
        && (result.Cache is null || (result.Cache is { Steps: >= 0 and <= MostSteps, Cached: >= 0 } && result.Cache.Cached <= result.Cache.Steps && IsSound(result.Cache.Problem)))
        && result.DurationSeconds >= 0
        && RunnerResult.IsSound(result.Failure);

    private static bool Has(RunResult result, ResultKind wanted) =>
        (!wanted.HasFlag(ResultKind.Commit) || result.Commit is not null)
        && (!wanted.HasFlag(ResultKind.Pushed) || (result.IndexDigest is not null && result.ImageDigest is not null))
        && (!wanted.HasFlag(ResultKind.Published) || (result.IndexDigest is not null && result.Published));

    private static bool IsSound(AttestationResult attestation) =>
        Digest().IsMatch(attestation.ManifestDigest) && Digest().IsMatch(attestation.Digest)
        && attestation is { Size: >= 0, PredicateType.Length: > 0 and <= LongestPredicateType };

    private static bool Absent(string? value, Regex orElse) => value is null || orElse.IsMatch(value);

    [GeneratedRegex(@"^sha256:[a-f0-9]{64}\z")]
    private static partial Regex Digest();

    [GeneratedRegex(@"^([a-f0-9]{40}|[a-f0-9]{64})\z")]
    private static partial Regex Commit();
}
