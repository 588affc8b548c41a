using Prometheus;

namespace Slipway.Kube.Telemetry;

/// <summary>What one informer counts.</summary>
internal sealed class InformerMetrics(OperatorMetrics metrics, string kind)
{
    public Counter.Child Lists { get; } = metrics.Lists.WithLabels(kind);

    public Counter.Child Failures { get; } = metrics.Failures.WithLabels(kind);

    /// <summary>Asks for both numbers whenever somebody looks.</summary>
    public void ReportSize(Func<int> objects, Func<int> unreadable)
    {
        var (all, poison) = (metrics.Objects.WithLabels(kind), metrics.Unreadable.WithLabels(kind));
        metrics.Registry.AddBeforeCollectCallback(() =>
        {
            all.Set(objects());
            poison.Set(unreadable());
        });
    }
}
