using k8s;
using k8s.Models;

namespace Slipway.Kube.Informers;

/// <summary>The writing side of a store; only its informer uses it. Every write answers with the changes that it made, as (old, new).</summary>
internal sealed class Store<T> : IStore<T>
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    private readonly Lock _lock = new();
    private readonly Dictionary<NamespacedName, Entry> _entries = [];
    private readonly IReadOnlyList<StoreIndex<T>> _indexes;
    // Per index: from an index key to the objects that stand under it.
    private readonly Dictionary<string, Dictionary<string, HashSet<NamespacedName>>> _indexed;
    private volatile bool _hasSynced;

    public Store(IEnumerable<StoreIndex<T>> indexes)
    {
        _indexes = [.. indexes];
        _indexed = _indexes.ToDictionary(index => index.Name, _ => new Dictionary<string, HashSet<NamespacedName>>());
    }

    public bool HasSynced => _hasSynced;

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _entries.Count;
            }
        }
    }

    public T? Get(NamespacedName key)
    {
        lock (_lock)
        {
            return _entries.GetValueOrDefault(key)?.Entity;
        }
    }

    public IReadOnlyList<T> List()
    {
        lock (_lock)
        {
            return [.. _entries.Values.Select(entry => entry.Entity)];
        }
    }

    public IReadOnlyList<T> ByIndex(string index, string key)
    {
        lock (_lock)
        {
            if (!_indexed.TryGetValue(index, out var keys))
            {
                throw new ArgumentException($"The store of {typeof(T).Name} has no index {index}.", nameof(index));
            }

            return keys.TryGetValue(key, out var names) ? [.. names.Select(name => _entries[name].Entity)] : [];
        }
    }

    internal void MarkSynced() => _hasSynced = true;

    /// <summary>An object with its index keys, ready to be stored. Throws what the index functions throw; storing it does not throw.</summary>
    internal Entry Prepare(T entity) =>
        new(NamespacedName.Of(entity), entity, [.. _indexes.Select(index => index.Keys(entity).Distinct().ToArray())]);

    internal IReadOnlyList<Change<T>> Put(Entry entry)
    {
        lock (_lock)
        {
            return PutLocked(entry);
        }
    }

    /// <param name="key">What is gone.</param>
    /// <param name="uid">Only if it is this one: a late word of a deletion must not take away the successor. Null takes any.</param>
    internal IReadOnlyList<Change<T>> Remove(NamespacedName key, string? uid)
    {
        lock (_lock)
        {
            return _entries.TryGetValue(key, out var old) && (uid is null || uid == old.Entity.Metadata.Uid) ? RemoveLocked(old) : [];
        }
    }

    /// <summary>Makes the store equal to a full list. <paramref name="unreadable"/> objects exist: what is known of them stays.</summary>
    internal IReadOnlyList<Change<T>> Replace(IReadOnlyDictionary<NamespacedName, Entry> all, IReadOnlySet<NamespacedName> unreadable)
    {
        lock (_lock)
        {
            var gone = _entries.Values.Where(entry => !all.ContainsKey(entry.Key) && !unreadable.Contains(entry.Key)).ToList();
            return [.. gone.SelectMany(RemoveLocked), .. all.Values.SelectMany(PutLocked)];
        }
    }

    private IReadOnlyList<Change<T>> PutLocked(Entry entry)
    {
        var old = _entries.GetValueOrDefault(entry.Key);
        if (old is null)
        {
            Insert(entry);
            return [new Change<T>(null, entry.Entity)];
        }

        if (old.Entity.Metadata.Uid != entry.Entity.Metadata.Uid)
        {
            // Deleted and created anew while nobody looked: two changes, not one.
            return [.. RemoveLocked(old), .. PutLocked(entry)];
        }

        if (old.Entity.Metadata.ResourceVersion == entry.Entity.Metadata.ResourceVersion)
        {
            return [];
        }

        Take(old);
        Insert(entry);
        return [new Change<T>(old.Entity, entry.Entity)];
    }

    private IReadOnlyList<Change<T>> RemoveLocked(Entry old)
    {
        Take(old);
        return [new Change<T>(old.Entity, null)];
    }

    private void Insert(Entry entry)
    {
        _entries[entry.Key] = entry;
        foreach (var (names, key) in Places(entry))
        {
            if (!names.TryGetValue(key, out var set))
            {
                names[key] = set = [];
            }

            set.Add(entry.Key);
        }
    }

    private void Take(Entry entry)
    {
        _entries.Remove(entry.Key);
        foreach (var (names, key) in Places(entry))
        {
            names[key].Remove(entry.Key);
            if (names[key].Count == 0)
            {
                names.Remove(key);
            }
        }
    }

    private IEnumerable<(Dictionary<string, HashSet<NamespacedName>> Names, string Key)> Places(Entry entry) =>
        _indexes.SelectMany((index, position) => entry.IndexKeys[position].Select(key => (_indexed[index.Name], key)));

    internal sealed record Entry(NamespacedName Key, T Entity, string[][] IndexKeys);
}

/// <summary>Old is null for an object that is new, New for one that is gone.</summary>
internal readonly record struct Change<T>(T? Old, T? New)
    where T : class;
