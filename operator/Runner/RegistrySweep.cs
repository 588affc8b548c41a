using System.Collections.Concurrent;
using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>
/// Deletes what tags stand for that no build uses any more. A registry deletes by digest, and every tag of that digest goes with
/// it: so what another tag stands for stays. The blobs are freed by the registry's own garbage collection.
/// </summary>
internal sealed class RegistrySweep(RegistryClient registry, TextWriter log)
{
    private const int AtOnce = 16;

    /// <exception cref="RegistryException">Of a delete where none was taken: the registry forbids them.</exception>
    public async Task<ExpiryResult> RunAsync(IReadOnlyList<string> unused, CancellationToken token)
    {
        var wanted = await DigestsAsync(unused, token);
        var live = wanted.IsEmpty ? [] : await LiveAsync(unused, wanted, token);
        var digests = wanted.Values.Distinct(StringComparer.Ordinal).ToList();
        var (deleted, refusals) = (0, new List<RegistryException>());
        foreach (var digest in digests.Except(live))
        {
            try
            {
                await registry.DeleteManifestAsync(digest, token);
                deleted++;
            }
            catch (RegistryException e) when (e.Fault is RegistryFault.Refused or RegistryFault.Denied or RegistryFault.Unauthorized)
            {
                // It may be this one alone: a tag that must not change, a manifest that another refers to.
                refusals.Add(e);
            }
        }

        if (deleted == 0 && refusals is [var first, ..]) throw first;
        await log.WriteLineAsync($"{unused.Count} tags are out of use: {deleted} manifests deleted, {digests.Count - deleted} kept, of which the registry refused to delete {refusals.Count}.");
        return new ExpiryResult
        {
            Means = ExpiryResult.Sweep,
            Manifests = new ExpiredObjects(digests.Count - deleted, deleted),
            Conflicts = refusals.Count == 0 ? [] : [$"the registry refused to delete {refusals.Count} of {digests.Count} manifests that are out of use"],
            Complete = refusals.Count == 0,
        };
    }

    /// <summary>What other tags stand for. A list without a tag that is there is not whole, and then nobody knows.</summary>
    private async Task<IReadOnlyCollection<string>> LiveAsync(IReadOnlyList<string> unused, ConcurrentDictionary<string, string> wanted, CancellationToken token)
    {
        var listed = await registry.ListTagsAsync(token);
        if (wanted.Keys.Except(listed, StringComparer.Ordinal).Any())
            throw new RegistryException(RegistryFault.Corrupt, "GET tags/list", "the registry does not list all of its tags, so what others stand for is not known");
        return (await DigestsAsync(listed.Except(unused, StringComparer.Ordinal), token)).Values.ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>By tag what it stands for now; one that is gone stands for nothing.</summary>
    private async Task<ConcurrentDictionary<string, string>> DigestsAsync(IEnumerable<string> tags, CancellationToken token)
    {
        var digests = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(tags, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = token }, async (tag, cancel) =>
        {
            if (await registry.HeadManifestAsync(tag, cancel) is { } digest) digests[tag] = digest;
        });
        return digests;
    }
}
