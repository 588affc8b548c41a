using Slipway.Kube.Informers;

namespace Slipway.Kube.Controllers;

/// <summary>What the probes ask.</summary>
internal sealed class OperatorHealth(IEnumerable<IInformer> informers, IEnumerable<IControllerWorker> controllers, OperatorOptions options)
{
    private readonly IReadOnlyList<IInformer> _informers = [.. informers];
    private readonly IReadOnlyList<IControllerWorker> _controllers = [.. controllers];
    private volatile bool _synced;
    private volatile bool _stopping;
    private volatile bool _faulted;

    /// <summary>For /readyz: the stores are filled and the process is not stopping. Leadership has no part in it.</summary>
    public bool Ready => _synced && !_stopping;

    /// <summary>For /healthz: an informer that has gone deaf, or a worker that hangs; null where all is well. Otherwise the process should be started anew.</summary>
    public string? Problem
    {
        get
        {
            var deaf = _informers.FirstOrDefault(informer => informer.Silence > options.SilenceLimit);
            if (deaf is not null)
            {
                return $"Nothing was heard of {deaf.Name} for {deaf.Silence}.";
            }

            var stuck = _controllers.FirstOrDefault(controller => controller.LongestPass > 3 * options.ReconcileTimeout);
            return stuck is null ? null : $"A pass of {stuck.Name} has been running for {stuck.LongestPass}.";
        }
    }

    /// <summary>True where a loop has died and stopped the host: the process should end with an exit code other than zero.</summary>
    public bool Faulted => _faulted;

    internal void MarkFaulted() => _faulted = true;

    internal void MarkSynced() => _synced = true;

    internal void MarkStopping() => _stopping = true;
}
