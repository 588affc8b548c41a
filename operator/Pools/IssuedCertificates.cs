using System.Collections.Concurrent;
using Slipway.Kube;

namespace Slipway.Pools;

/// <summary>
/// Certificates that this process has issued and that no store shows yet. The next pass would issue them again, until another second:
/// another pod template, and builders rolled for nothing.
/// </summary>
internal sealed class IssuedCertificates(TimeProvider time)
{
    /// <summary>A store that is behind for longer will not come to show it.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<NamespacedName, (ServerCertificate Certificate, DateTimeOffset At)> _issued = new();

    public void Add(NamespacedName statefulSet, ServerCertificate certificate)
    {
        foreach (var (old, (_, at)) in _issued)
        {
            if (time.GetUtcNow() - at > Longest) Forget(old);
        }

        _issued[statefulSet] = (certificate, time.GetUtcNow());
    }

    /// <summary>The one that a StatefulSet is to name; null once the store shows that it does.</summary>
    public ServerCertificate? Of(NamespacedName statefulSet, string? shown)
    {
        if (!_issued.TryGetValue(statefulSet, out var issued)) return null;
        if (issued.Certificate.Serial != shown && time.GetUtcNow() - issued.At <= Longest) return issued.Certificate;
        Forget(statefulSet);
        return null;
    }

    public void Forget(NamespacedName statefulSet) => _issued.TryRemove(statefulSet, out _);
}
