using System.Collections.Concurrent;
using Slipway.Kube;
using Slipway.Kube.Controllers;

namespace Slipway.Tests.Unit.Kube.Controllers;

/// <summary>What the test wants a pass to do. The controllers come and go with their scopes, this stays.</summary>
internal sealed class WidgetScript
{
    public Func<Widget, CancellationToken, Task<ReconciliationResult<Widget>>> OnReconcile { get; set; } =
        (widget, _) => Task.FromResult(ReconciliationResult<Widget>.Success(widget));

    public ConcurrentQueue<NamespacedName> Deleted { get; } = new();

    public ConcurrentQueue<WidgetScope> Scopes { get; } = new();
}

/// <summary>A scoped service that says when its scope is over.</summary>
internal sealed class WidgetScope : IDisposable
{
    public bool Disposed { get; private set; }

    public void Dispose() => Disposed = true;
}

internal sealed class WidgetController(WidgetScript script, WidgetScope scope) : IEntityController<Widget>
{
    public Task<ReconciliationResult<Widget>> ReconcileAsync(Widget entity, CancellationToken cancellationToken)
    {
        script.Scopes.Enqueue(scope);
        return script.OnReconcile(entity, cancellationToken);
    }

    public Task DeletedAsync(NamespacedName key, CancellationToken cancellationToken)
    {
        script.Deleted.Enqueue(key);
        return Task.CompletedTask;
    }
}
