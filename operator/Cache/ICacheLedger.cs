using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Cache;

/// <summary>What is known of a pool's caches.</summary>
internal interface ICacheLedger
{
    /// <summary>Null where no build has used that cache yet, as far as anybody knows.</summary>
    CacheEntry? Find(NamespacedName pool, string name);

    /// <summary>Notes it; written together with others, half a minute later at most. What says nothing new costs nothing.</summary>
    void Record(V1Alpha1BuilderPool pool, CacheUse use);
}
