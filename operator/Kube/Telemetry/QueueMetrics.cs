using Prometheus;

namespace Slipway.Kube.Telemetry;

/// <summary>What one queue counts.</summary>
internal sealed class QueueMetrics(OperatorMetrics metrics, string name)
{
    public Gauge.Child Depth { get; } = metrics.Depth.WithLabels(name, name);

    public Counter.Child Adds { get; } = metrics.Adds.WithLabels(name, name);

    public Counter.Child Retries { get; } = metrics.Retries.WithLabels(name, name);

    public Histogram.Child QueueTime { get; } = metrics.QueueTime.WithLabels(name, name);

    public Histogram.Child WorkTime { get; } = metrics.WorkTime.WithLabels(name, name);

    /// <summary>Asks for the ages of what is under way whenever somebody looks.</summary>
    public void ReportWork(Func<IReadOnlyCollection<TimeSpan>> ages)
    {
        var unfinished = metrics.Unfinished.WithLabels(name, name);
        var longest = metrics.LongestRunning.WithLabels(name, name);
        metrics.Registry.AddBeforeCollectCallback(() =>
        {
            var now = ages();
            unfinished.Set(now.Sum(age => age.TotalSeconds));
            longest.Set(now.Select(age => age.TotalSeconds).DefaultIfEmpty(0).Max());
        });
    }
}
