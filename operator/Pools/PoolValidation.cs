using Slipway.Api;

namespace Slipway.Pools;

/// <summary>What is wrong with a pool's spec, in sentences for its author; nothing for a good one.</summary>
internal delegate IReadOnlyList<string> PoolValidation(V1Alpha1BuilderPool pool);
