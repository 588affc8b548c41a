namespace Slipway.Kube.Controllers;

/// <summary>How a pass ended.</summary>
internal sealed record ReconciliationResult<E>
{
    private ReconciliationResult(E entity) => Entity = entity;

    /// <summary>As the pass left it: the server's answer where it wrote. The next pass waits until the store shows that.</summary>
    public E Entity { get; }

    public bool IsSuccess { get; private init; }

    /// <summary>Why the pass failed; null on success.</summary>
    public string? Message { get; private init; }

    public Exception? Exception { get; private init; }

    public TimeSpan? RequeueAfter { get; private init; }

    /// <summary>Done, and not to be called again before something changes or, where given, before <paramref name="requeueAfter"/> is over.</summary>
    public static ReconciliationResult<E> Success(E entity, TimeSpan? requeueAfter = null) =>
        new(entity) { IsSuccess = true, RequeueAfter = requeueAfter };

    /// <summary>To be called again with backoff, and where <paramref name="requeueAfter"/> is given not sooner than that.</summary>
    public static ReconciliationResult<E> Failure(E entity, string message, Exception? exception = null, TimeSpan? requeueAfter = null) =>
        new(entity) { Message = message, Exception = exception, RequeueAfter = requeueAfter };
}
