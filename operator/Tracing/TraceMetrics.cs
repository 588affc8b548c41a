using Prometheus;
using Slipway.Kube.Telemetry;

namespace Slipway.Tracing;

/// <summary>What becomes of traces.</summary>
internal sealed class TraceMetrics
{
    public TraceMetrics(OperatorMetrics metrics)
    {
        var factory = Metrics.WithCustomRegistry(metrics.Registry);
        Sent = factory.CreateCounter("traces_sent_total", "Traces that the endpoint took.");
        Dropped = factory.CreateCounter("traces_dropped_total", "Traces given up: too many at once, or not taken in time.");
    }

    internal Counter Sent { get; }

    internal Counter Dropped { get; }
}
