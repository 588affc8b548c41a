using k8s.Models;
using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Pki;

/// <summary>Certificates that let a build use a pool's builders.</summary>
internal interface IClientCertificates
{
    /// <summary>
    /// A Secret to create: immutable, with ca.crt, tls.crt and tls.key. The caller adds owner and labels of its own.
    /// Every call issues anew.
    /// </summary>
    /// <param name="pool">The pool; all that its authority signed may use all of its builders.</param>
    /// <param name="authorityId">Which authority the builder trusts; null takes the one there is.</param>
    /// <param name="secret">Name and namespace of the Secret; the name is the certificate's subject as well.</param>
    /// <param name="lifetime">How long it is valid from now on, at most as long as the pool's authority.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="AuthorityChangedException">The pool has another authority now, or none.</exception>
    Task<V1Secret> IssueClientAsync(
        V1Alpha1BuilderPool pool, string? authorityId, NamespacedName secret, TimeSpan lifetime, CancellationToken cancellationToken);
}
