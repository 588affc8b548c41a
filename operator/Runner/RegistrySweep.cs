using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>
/// Deletes what tags stand for that no build uses any more. A registry deletes by digest, and every tag of that digest goes with
/// it: so what another tag stands for stays. The blobs are freed by the registry's own garbage collection.
/// </summary>
internal sealed class RegistrySweep(RegistryClient registry, TextWriter log)
{
    public async Task<ExpiryResult> RunAsync(IReadOnlyList<string> unused, CancellationToken token)
    {
        var digests = await DigestsAsync(unused, token);
        var (deleted, kept) = (0, 0);
        if (digests.Count > 0)
        {
            var live = await DigestsAsync((await registry.ListTagsAsync(token)).Except(unused, StringComparer.Ordinal), token);
            foreach (var digest in digests)
            {
                if (live.Contains(digest))
                {
                    kept++;
                    continue;
                }

                await registry.DeleteManifestAsync(digest, token);
                deleted++;
            }
        }

        await log.WriteLineAsync($"{unused.Count} tags are out of use: {deleted} manifests deleted, {kept} kept for other tags.");
        return new ExpiryResult { Means = ExpiryResult.Sweep, Manifests = new ExpiredObjects(kept, deleted), Complete = true };
    }

    /// <summary>What they stand for now; a tag that is gone stands for nothing.</summary>
    private async Task<HashSet<string>> DigestsAsync(IEnumerable<string> tags, CancellationToken token)
    {
        var digests = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tag in tags)
        {
            if (await registry.HeadManifestAsync(tag, token) is { } digest) digests.Add(digest);
        }

        return digests;
    }
}
