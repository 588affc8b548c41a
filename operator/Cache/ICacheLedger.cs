using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Cache;

/// <summary>What is known of a pool's caches.</summary>
internal interface ICacheLedger
{
    /// <summary>Null where no build has used that cache yet, as far as anybody knows.</summary>
    CacheEntry? Find(NamespacedName pool, string name);

    /// <summary>
    /// Notes it; written together with others, half a minute later at most. What says nothing new costs nothing, and neither does the use
    /// of another's cache that nobody has ever written.
    /// </summary>
    void Record(V1Alpha1BuilderPool pool, CacheUse use);
}
