namespace Slipway.Kube.Controllers;

/// <summary>
/// Objects of which the store still shows the version that a pass has replaced. Another pass would plan from the past, and its write
/// would be refused; it waits for the store instead. Versions are compared for equality alone: nothing lies between the one replaced
/// and ours, since the write was bound to it, so whatever else a store shows is not older than our write.
/// </summary>
internal sealed class UnseenWrites
{
    private readonly Lock _lock = new();
    private readonly Dictionary<NamespacedName, Write> _writes = [];

    /// <summary>A pass has replaced <paramref name="version"/>.</summary>
    public void Replaced(NamespacedName key, string version)
    {
        lock (_lock)
        {
            _writes[key] = new Write(version, PassWaits: false);
        }
    }

    /// <summary>Whether a pass has to wait. <see cref="Seen"/> says when that is over.</summary>
    /// <param name="key">Of the object.</param>
    /// <param name="version">What the store shows; null for an object that is gone.</param>
    public bool HoldBack(NamespacedName key, string? version)
    {
        lock (_lock)
        {
            if (!_writes.TryGetValue(key, out var write))
            {
                return false;
            }

            if (write.Version != version)
            {
                _writes.Remove(key);
                return false;
            }

            _writes[key] = write with { PassWaits = true };
            return true;
        }
    }

    /// <summary>The store shows another version than before. True where a pass has waited for that.</summary>
    public bool Seen(NamespacedName key, string? version)
    {
        lock (_lock)
        {
            return _writes.TryGetValue(key, out var write) && write.Version != version && _writes.Remove(key) && write.PassWaits;
        }
    }

    private readonly record struct Write(string Version, bool PassWaits);
}
