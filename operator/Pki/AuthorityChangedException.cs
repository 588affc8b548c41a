using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Pki;

/// <summary>A certificate was asked for of an authority that its pool has no more. The next pass plans with the one there is.</summary>
internal sealed class AuthorityChangedException(V1Alpha1BuilderPool pool)
    : Exception($"The certificate authority of pool {NamespacedName.Of(pool)} has changed meanwhile.");
