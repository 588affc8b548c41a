using System.Runtime.CompilerServices;
using Slipway.S3;

namespace Slipway.Runner;

/// <summary>
/// Makes the cache go by hand: manifests that are too old first, then blobs that no manifest needs any more. What goes wrong with a
/// manifest keeps all blobs, since a manifest without its blobs is a build that fails. An export that begins to use a blob
/// between the list that has it as too old and its delete, a page of a list later, is what no sweep can see.
/// </summary>
internal sealed class S3Sweep(S3Bucket bucket, S3Retention retention, TextWriter log, TimeProvider time)
{
    /// <summary>A layer takes a few hundred bytes of it.</summary>
    private const int MaxManifest = 32 * 1024 * 1024;

    private static readonly TimeSpan SayEvery = TimeSpan.FromSeconds(30);

    /// <summary>Of the blobs that a manifest names; all that a sweep remembers, however much there is.</summary>
    private readonly HashSet<string> _needed = new(StringComparer.Ordinal);
    private readonly List<string> _conflicts = [];
    private readonly DateTimeOffset _now = time.GetUtcNow();
    private long _said = time.GetTimestamp();
    private ExpiredObjects? _manifests;
    private ExpiredObjects? _blobs;
    private bool _unreadable;
    private bool _ended;

    /// <summary>As far as it has come.</summary>
    public ExpiryResult Result => new()
    {
        Means = ExpiryResult.Sweep,
        Conflicts = _conflicts,
        Manifests = _manifests,
        Blobs = _blobs,
        Complete = _ended && !_unreadable,
    };

    public async Task RunAsync(CancellationToken token)
    {
        await SweepManifestsAsync(token);
        if (!_unreadable)
        {
            await SweepBlobsAsync(token);
        }

        await LookForVersionsAsync(token);
        _ended = true;
        await log.WriteLineAsync($"Swept: {Words("manifests", _manifests)}, {Words("blobs", _blobs)}.");
    }

    private async Task SweepManifestsAsync(CancellationToken token)
    {
        _manifests = new ExpiredObjects(0, 0);
        var oldest = _now - retention.ManifestAge;
        await foreach (var page in PagesAsync(retention.ManifestsPrefix, token))
        {
            var old = page.Where(entry => entry.LastModified < oldest).Select(entry => entry.Key).ToList();
            await DeleteAsync(old, token);
            _manifests = new ExpiredObjects(_manifests.Kept + page.Count - old.Count, _manifests.Deleted + old.Count);
            foreach (var entry in page.Where(entry => entry.LastModified >= oldest && !_unreadable))
            {
                await ReadAsync(entry, token);
            }

            await SayAsync("manifests", _manifests);
        }
    }

    private async Task SweepBlobsAsync(CancellationToken token)
    {
        _blobs = new ExpiredObjects(0, 0);
        var oldest = _now - retention.BlobAge;
        await foreach (var page in PagesAsync(retention.BlobsPrefix, token))
        {
            var old = page.Where(entry => entry.LastModified < oldest && !_needed.Contains(Name(entry, retention.BlobsPrefix))).Select(entry => entry.Key).ToList();
            await DeleteAsync(old, token);
            _blobs = new ExpiredObjects(_blobs.Kept + page.Count - old.Count, _blobs.Deleted + old.Count);
            await SayAsync("blobs", _blobs);
        }
    }

    private async Task ReadAsync(S3Entry entry, CancellationToken token)
    {
        if (await BlobsAsync(entry, token) is { } blobs)
        {
            _needed.UnionWith(blobs);
            return;
        }

        _unreadable = true;
        var name = S3Faults.Tidy(Name(entry, retention.ManifestsPrefix), 60);
        _conflicts.Add($"the manifest \"{name}\" cannot be read, so no blob was deleted");
        await log.WriteLineAsync($"The manifest {name} cannot be read: it may need any blob, and so all stay.");
    }

    /// <summary>None where it has gone since it was listed; null where nobody can say.</summary>
    private async Task<IReadOnlyList<string>?> BlobsAsync(S3Entry entry, CancellationToken token)
    {
        try
        {
            return await bucket.ReadAsync(entry.Key, MaxManifest, token) is { } bytes ? CacheManifest.Blobs(bytes) : [];
        }
        catch (S3Exception e) when (e.Fault is S3Fault.Denied or S3Fault.Refused)
        {
            await log.WriteLineAsync($"S3: {e.Message}");
            return null;
        }
    }

    /// <summary>Without the empty object of the prefix itself, which consoles make for a folder.</summary>
    private async IAsyncEnumerable<IReadOnlyList<S3Entry>> PagesAsync(string prefix, [EnumeratorCancellation] CancellationToken token)
    {
        await foreach (var page in bucket.ListAsync(prefix, token))
        {
            yield return [.. page.Where(entry => entry.Key.Length > prefix.Length)];
        }
    }

    private async Task DeleteAsync(List<string> keys, CancellationToken token)
    {
        foreach (var batch in keys.Chunk(S3Bucket.MaxBatch))
        {
            await bucket.DeleteAsync(batch, token);
        }
    }

    private async Task LookForVersionsAsync(CancellationToken token)
    {
        try
        {
            if (await bucket.IsVersionedAsync(token))
            {
                _conflicts.Add("the bucket keeps versions: what is deleted takes its room until a rule of the bucket expires noncurrent versions");
            }
        }
        catch (S3Exception)
        {
            // All that was to be done is done: a question that nobody answers is no failure.
        }
    }

    private async Task SayAsync(string what, ExpiredObjects count)
    {
        if (time.GetElapsedTime(_said) >= SayEvery)
        {
            _said = time.GetTimestamp();
            await log.WriteLineAsync($"So far: {Words(what, count)}.");
        }
    }

    private static string Name(S3Entry entry, string prefix) => entry.Key[prefix.Length..];

    private static string Words(string what, ExpiredObjects? count) => count is null ? $"{what} were not looked at" : $"{count.Deleted} {what} deleted and {count.Kept} kept";
}
