namespace Slipway.Kube;

/// <summary>A dictionary that forgets what was not asked for the longest.</summary>
internal sealed class Recent<TKey, TValue>(int capacity)
    where TKey : notnull
{
    private readonly Dictionary<TKey, LinkedListNode<(TKey Key, TValue Value)>> _entries = [];
    private readonly LinkedList<(TKey Key, TValue Value)> _order = new();

    public TValue? Get(TKey key)
    {
        if (!_entries.TryGetValue(key, out var node))
        {
            return default;
        }

        _order.Remove(node);
        _order.AddFirst(node);
        return node.Value.Value;
    }

    public void Set(TKey key, TValue value)
    {
        if (_entries.Remove(key, out var old))
        {
            _order.Remove(old);
        }
        else if (_entries.Count >= capacity)
        {
            _entries.Remove(_order.Last!.Value.Key);
            _order.RemoveLast();
        }

        _entries[key] = _order.AddFirst((key, value));
    }
}
