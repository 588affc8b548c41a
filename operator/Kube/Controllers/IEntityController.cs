using k8s;
using k8s.Models;

namespace Slipway.Kube.Controllers;

/// <summary>
/// Brings the world in line with one object. A pass is told a key, not an event: look at the world as it is.
/// The controller is resolved anew in its own DI scope for every pass. At most one pass runs per key at a time.
/// </summary>
internal interface IEntityController<E>
    where E : class, IKubernetesObject<V1ObjectMeta>
{
    /// <summary>
    /// One pass. <paramref name="entity"/> is this pass's own copy. Throw to be called again with backoff, throw
    /// <see cref="TerminalException"/> when only a change of the object can help, and to wait return a Success with requeueAfter.
    /// </summary>
    /// <param name="entity">The object as the store knows it.</param>
    /// <param name="cancellationToken">Ends with the reconcile timeout, or when a shutdown has waited long enough.</param>
    Task<ReconciliationResult<E>> ReconcileAsync(E entity, CancellationToken cancellationToken);

    /// <summary>
    /// The object is gone from the store. For what is kept in memory only: nothing promises this call, after a restart least of all.
    /// It may come more than once, and for keys that never were.
    /// </summary>
    Task DeletedAsync(NamespacedName key, CancellationToken cancellationToken) => Task.CompletedTask;
}
