using Prometheus;

namespace Slipway.Kube.Telemetry;

/// <summary>
/// The operator's metrics under controller-runtime's names, so that dashboards and alerts made for other operators fit. The registry
/// is this host's own: the library's default one is shared by all hosts of a process. Nothing here is labelled by object: the
/// number of series does not grow with the number of objects.
/// </summary>
internal sealed class OperatorMetrics
{
    private static readonly string[] ByController = ["controller"];
    private static readonly string[] ByQueue = ["name", "controller"];
    private static readonly string[] ByKind = ["kind"];

    // 5 ms to a minute, controller-runtime's own forty.
    private static readonly double[] PassSeconds =
    [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5,
        1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
    ];

    private static readonly double[] QueueSeconds = Histogram.ExponentialBuckets(10e-9, 10, 12);

    private readonly Gauge _leader;

    public OperatorMetrics()
    {
        var factory = Metrics.WithCustomRegistry(Registry);
        Passes = factory.CreateCounter("controller_runtime_reconcile_total", "Passes by controller and result.", ["controller", "result"]);
        PassErrors = factory.CreateCounter("controller_runtime_reconcile_errors_total", "Passes that failed, of whatever kind the failure.", ByController);
        TerminalErrors = factory.CreateCounter("controller_runtime_terminal_reconcile_errors_total", "Passes whose failure only a change of the object can mend.", ByController);
        Panics = factory.CreateCounter("controller_runtime_reconcile_panics_total", "Passes that ended in an exception nobody expected.", ByController);
        Timeouts = factory.CreateCounter("controller_runtime_reconcile_timeouts_total", "Passes that took longer than they may.", ByController);
        PassTime = factory.CreateHistogram("controller_runtime_reconcile_time_seconds", "How long passes take.", ByController, new HistogramConfiguration { Buckets = PassSeconds });
        MaxWorkers = factory.CreateGauge("controller_runtime_max_concurrent_reconciles", "Passes that may run at once.", ByController);
        ActiveWorkers = factory.CreateGauge("controller_runtime_active_workers", "Passes that run now.", ByController);

        Depth = factory.CreateGauge("workqueue_depth", "Keys that are ready and wait for a worker.", ByQueue);
        Adds = factory.CreateCounter("workqueue_adds_total", "Keys added; one that waits already is not counted again.", ByQueue);
        Retries = factory.CreateCounter("workqueue_retries_total", "Keys added with backoff.", ByQueue);
        QueueTime = factory.CreateHistogram("workqueue_queue_duration_seconds", "How long keys wait for a worker.", ByQueue, new HistogramConfiguration { Buckets = QueueSeconds });
        WorkTime = factory.CreateHistogram("workqueue_work_duration_seconds", "How long keys are worked on.", ByQueue, new HistogramConfiguration { Buckets = QueueSeconds });
        Unfinished = factory.CreateGauge("workqueue_unfinished_work_seconds", "Age of all passes under way, added up. Large and growing: workers are stuck.", ByQueue);
        LongestRunning = factory.CreateGauge("workqueue_longest_running_processor_seconds", "Age of the oldest pass under way.", ByQueue);

        Requests = factory.CreateCounter("rest_client_requests_total", "Requests to the API server, each attempt counted. Code <error>: there was no answer.", ["code", "method", "host"]);
        _leader = factory.CreateGauge("leader_election_master_status", "1 on the operator that works, 0 on those that stand by.", ["name"]);

        Objects = factory.CreateGauge("informer_objects", "Objects in the store.", ByKind);
        Unreadable = factory.CreateGauge("informer_unreadable_objects", "Objects that exist and cannot be read; the log names them.", ByKind);
        Lists = factory.CreateCounter("informer_lists_total", "Full lists. More than one since the start: the watch had fallen behind.", ByKind);
        Failures = factory.CreateCounter("informer_failures_total", "Lists and watches that failed.", ByKind);

        EventsSent = factory.CreateCounter("events_sent_total", "Events written, repetitions included.");
        EventsDropped = factory.CreateCounter("events_dropped_total", "Events given up: too many of an object, too many at once, or refused by the API server.");
    }

    public CollectorRegistry Registry { get; } = Metrics.NewCustomRegistry();

    internal Counter Passes { get; }

    internal Counter PassErrors { get; }

    internal Counter TerminalErrors { get; }

    internal Counter Panics { get; }

    internal Counter Timeouts { get; }

    internal Histogram PassTime { get; }

    internal Gauge MaxWorkers { get; }

    internal Gauge ActiveWorkers { get; }

    internal Gauge Depth { get; }

    internal Counter Adds { get; }

    internal Counter Retries { get; }

    internal Histogram QueueTime { get; }

    internal Histogram WorkTime { get; }

    internal Gauge Unfinished { get; }

    internal Gauge LongestRunning { get; }

    internal Counter Requests { get; }

    internal Gauge Objects { get; }

    internal Gauge Unreadable { get; }

    internal Counter Lists { get; }

    internal Counter Failures { get; }

    internal Counter EventsSent { get; }

    internal Counter EventsDropped { get; }

    /// <summary>Asked whenever somebody looks.</summary>
    public void ReportLeader(string lease, Func<bool> isLeader)
    {
        var gauge = _leader.WithLabels(lease);
        Registry.AddBeforeCollectCallback(() => gauge.Set(isLeader() ? 1 : 0));
    }
}
