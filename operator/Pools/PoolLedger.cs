using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Slipway.Api;
using Slipway.Cache;
using Slipway.Kube;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;
using Slipway.Kube.Writing;

namespace Slipway.Pools;

/// <summary>
/// The ledger of each pool's caches, in a ConfigMap of the pool's. Builds note what they use, and the pool's pass writes what is new of
/// it, many notes at once. What is lost with a leader that dies is half a minute of notes, each of which comes again.
/// </summary>
internal sealed partial class PoolLedger(IStore<V1ConfigMap> configMaps, IStore<V1Alpha1BuilderPool> pools, IKubeClient client, IReconcileTrigger<V1Alpha1BuilderPool> trigger, TimeProvider time, ILogger<PoolLedger> logger) : ICacheLedger
{
    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AfterRefusal = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<NamespacedName, Notes> _notes = new();
    private readonly ConcurrentDictionary<NamespacedName, (string Version, Dictionary<string, CacheEntry> Entries)> _read = new();

    public CacheEntry? Find(NamespacedName pool, string name) =>
        _notes.TryGetValue(pool, out var notes) && notes.Entries.TryGetValue(name, out var noted) ? noted : Written(pool).GetValueOrDefault(name);

    public void Record(V1Alpha1BuilderPool pool, CacheUse use)
    {
        if (pool.Spec.Cache is not { } cache) return;
        var key = NamespacedName.Of(pool);
        var (before, ttl) = (Find(key, use.Name), CacheTimes.TtlOf(cache));
        if ((before is null && use.OfAnother) || CacheLedger.After(before, use, ttl) is not { } entry) return;
        // A Job may stay longer than the cache that it used: who comes new, and sees it, would have that deleted once more.
        if (CacheLedger.IsOver(entry, ttl, time.GetUtcNow())) return;
        _notes.GetOrAdd(key, _ => new Notes()).Entries[use.Name] = entry;
        trigger.Enqueue(key);
    }

    /// <summary>All that is known, written or not.</summary>
    public Dictionary<string, CacheEntry> Read(NamespacedName pool)
    {
        var entries = new Dictionary<string, CacheEntry>(Written(pool), StringComparer.Ordinal);
        foreach (var (name, entry) in _notes.TryGetValue(pool, out var notes) ? notes.Entries : []) entries[name] = entry;
        return entries;
    }

    /// <summary>Writes what is new, and takes out what is gone. Returns when to come again; null where there is nothing more to do.</summary>
    public async Task<TimeSpan?> WriteAsync(V1Alpha1BuilderPool pool, IReadOnlyList<string> gone, CancellationToken cancellationToken)
    {
        var key = NamespacedName.Of(pool);
        var notes = _notes.GetOrAdd(key, _ => new Notes());
        var stored = Stored(key)?.Data ?? new Dictionary<string, string>();
        // What was written is known from the store from now on.
        foreach (var entry in notes.Entries.Where(entry => stored.TryGetValue(entry.Key, out var text) && text == CacheLedger.Write(entry.Value)).ToList()) notes.Entries.TryRemove(entry);
        var data = new JsonObject();
        foreach (var name in gone.Where(stored.ContainsKey)) data[name] = null;
        foreach (var (name, entry) in notes.Entries) data[name] = CacheLedger.Write(entry);
        if (data.Count == 0) return null;
        var wait = notes.Written + Pace - time.GetUtcNow();
        if (wait > TimeSpan.Zero) return wait;
        notes.Written = time.GetUtcNow();
        if (await TryWriteAsync(pool, data, cancellationToken)) return Pace;
        // Nobody can write it, so nothing is kept of it.
        notes.Entries.Clear();
        notes.Written += AfterRefusal;
        return null;
    }

    public void Forget(NamespacedName pool)
    {
        _notes.TryRemove(pool, out _);
        _read.TryRemove(pool, out _);
    }

    /// <summary>What the ConfigMap holds. Every pass asks, and it is parsed once for each of its versions.</summary>
    private Dictionary<string, CacheEntry> Written(NamespacedName pool)
    {
        if (Stored(pool) is not { } ledger) return [];
        var version = $"{ledger.Metadata.Uid}/{ledger.Metadata.ResourceVersion}";
        if (_read.TryGetValue(pool, out var read) && read.Version == version) return read.Entries;
        var entries = new Dictionary<string, CacheEntry>(StringComparer.Ordinal);
        foreach (var (name, text) in ledger.Data ?? new Dictionary<string, string>())
        {
            if (Read(name, text) is { } entry) entries[name] = entry;
        }

        _read[pool] = (version, entries);
        return entries;
    }

    /// <summary>False where it is refused: the pool has more to do than to keep a ledger.</summary>
    private async Task<bool> TryWriteAsync(V1Alpha1BuilderPool pool, JsonObject data, CancellationToken cancellationToken)
    {
        var key = new NamespacedName(pool.Metadata.NamespaceProperty, ChildNames.CacheLedger(pool.Metadata.Name));
        try
        {
            if (Stored(NamespacedName.Of(pool)) is null && !await CreateAsync(pool, key, cancellationToken)) return false;
            await client.PatchAsync<V1ConfigMap>(key, new JsonObject { ["data"] = data }, cancellationToken);
        }
        catch (KubeApiException refused) when (!refused.IsTransient)
        {
            LogRefused(key, refused.Message);
            return false;
        }

        LogWritten(key, data.Count);
        return true;
    }

    /// <summary>False where the name is somebody else's: a patch would change what is theirs.</summary>
    private async Task<bool> CreateAsync(V1Alpha1BuilderPool pool, NamespacedName key, CancellationToken cancellationToken)
    {
        try
        {
            await client.CreateAsync(Empty(pool, key.Name), cancellationToken);
            return true;
        }
        catch (KubeApiException refused) when (refused.IsAlreadyExists)
        {
            var live = await client.GetOrDefaultAsync<V1ConfigMap>(key, cancellationToken);
            var ours = live?.Metadata.OwnerReferences?.Any(owner => owner.Controller is true && owner.Uid == pool.Metadata.Uid) is true;
            if (!ours) LogTaken(key);
            return ours;
        }
    }

    private static V1ConfigMap Empty(V1Alpha1BuilderPool pool, string name) => new()
    {
        ApiVersion = "v1",
        Kind = "ConfigMap",
        Metadata = new V1ObjectMeta
        {
            Name = name,
            NamespaceProperty = pool.Metadata.NamespaceProperty,
            OwnerReferences = [OwnerReferences.ControlledBy(pool)],
            Labels = new Dictionary<string, string>
            {
                [SlipwayApi.ManagedByLabel] = SlipwayApi.ManagedBy,
                [SlipwayApi.ComponentLabel] = SlipwayApi.CacheComponent,
                [SlipwayApi.PoolLabel] = pool.Metadata.Name,
            },
        },
    };

    /// <summary>Null where there is no ledger, or none of this pool's: one of the same name may be on its way out.</summary>
    private V1ConfigMap? Stored(NamespacedName pool) =>
        configMaps.Get(new NamespacedName(pool.Namespace, ChildNames.CacheLedger(pool.Name))) is { } ledger && pools.Get(pool) is { } owner
        && ledger.Metadata.OwnerReferences?.Any(reference => reference.Controller is true && reference.Uid == owner.Metadata.Uid) is true
            ? ledger
            : null;

    /// <summary>A ConfigMap can be edited by people, and what stands in it is deleted in its time: its name has to be that of a cache.</summary>
    private static CacheEntry? Read(string name, string text) =>
        CacheLedger.Read(text) is { } entry && Platform.TryParse(entry.Platform, out var platform) && CacheNames.Name(entry.Namespace, entry.Scope, platform) == name ? entry : null;

    [LoggerMessage(Level = LogLevel.Warning, Message = "ConfigMap {Key} cannot be written, so nothing is kept of when caches were used: {Why}")]
    private partial void LogRefused(NamespacedName key, string why);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Wrote {Count} entries of {Key}")]
    private partial void LogWritten(NamespacedName key, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ConfigMap {Key} belongs to something else, so nothing is kept of when caches were used: delete or rename it")]
    private partial void LogTaken(NamespacedName key);

    private sealed class Notes
    {
        public ConcurrentDictionary<string, CacheEntry> Entries { get; } = new(StringComparer.Ordinal);

        public DateTimeOffset Written { get; set; }
    }
}
