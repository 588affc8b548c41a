using System.Text;

namespace Slipway.Runner;

/// <summary>
/// Leaves a result where the kubelet looks for it. It keeps 4096 bytes and cuts the rest off, which is no JSON any more: so
/// a result that is too long loses words first, and attestations, which can be read from the registry again, last.
/// What a cache's expiry is in conflict with goes the same way: the next run says it again.
/// </summary>
internal static class ResultFile
{
    public const int MaxBytes = 4096;

    private static readonly int[] MessageLengths = [800, 400, 200];

    /// <summary>Once all attestations are gone: a character may take twelve bytes of JSON.</summary>
    private static readonly int[] LastLengths = [100, 50];

    public static void Write(string path, RunResult result) => File.WriteAllBytes(path, Encoding.UTF8.GetBytes(Fit(result)));

    public static string Fit(RunResult result)
    {
        foreach (var candidate in Candidates(result))
        {
            var json = RunnerJson.Serialize(candidate);
            if (Encoding.UTF8.GetByteCount(json) <= MaxBytes)
            {
                return json;
            }
        }

        throw new InvalidOperationException("a result without words and lists is too long");
    }

    private static IEnumerable<RunResult> Candidates(RunResult result)
    {
        yield return result;
        var shorter = result;
        foreach (var length in MessageLengths)
        {
            shorter = result with { Failure = Shorten(result.Failure, length), Cache = Shorten(result.Cache, length), CacheExport = Shorten(result.CacheExport, length) };
            yield return shorter;
        }

        var attestations = result.Attestations ?? [];
        for (var kept = attestations.Count - 1; kept >= 0; kept--)
        {
            shorter = shorter with { Attestations = [.. attestations.Take(kept)], AttestationsOmitted = attestations.Count - kept };
            yield return shorter;
        }

        var conflicts = result.Expiry?.Conflicts ?? [];
        for (var kept = conflicts.Count - 1; kept >= 0; kept--)
        {
            shorter = shorter with { Expiry = shorter.Expiry! with { Conflicts = [.. conflicts.Take(kept)] } };
            yield return shorter;
        }

        foreach (var length in LastLengths)
        {
            yield return shorter with { Failure = Shorten(result.Failure, length), Cache = Shorten(result.Cache, length), CacheExport = Shorten(result.CacheExport, length) };
        }
    }

    private static RunFailure? Shorten(RunFailure? failure, int length) =>
        failure is null ? null : failure with { Message = Shorten(failure.Message, length)!, Step = Shorten(failure.Step, length / 2) };

    private static CacheResult? Shorten(CacheResult? cache, int length) => cache is null ? null : cache with { Problem = Shorten(cache.Problem, length) };

    private static CacheExportResult? Shorten(CacheExportResult? export, int length) => export is null ? null : export with { Problem = Shorten(export.Problem, length) };

    private static CacheProblem? Shorten(CacheProblem? problem, int length) => problem is null ? null : problem with { Message = Shorten(problem.Message, length)! };

    private static string? Shorten(string? text, int length)
    {
        if (text is null || text.Length <= length)
        {
            return text;
        }

        // Not through the middle of a character outside the first plane.
        var end = char.IsHighSurrogate(text[length - 2]) ? length - 2 : length - 1;
        return text[..end] + "…";
    }
}
