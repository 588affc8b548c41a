using Prometheus;
using Slipway.Kube.Controllers;

namespace Slipway.Kube.Telemetry;

/// <summary>What one controller counts. All of its series are there from the start: an alert on a rate needs the zero before the one.</summary>
internal sealed class ControllerMetrics
{
    private static readonly string[] Results = ["success", "error", "requeue_after", "requeue"];

    private readonly Dictionary<string, Counter.Child> _results;
    private readonly Counter.Child _errors;
    private readonly Counter.Child _terminal;
    private readonly Counter.Child _panics;
    private readonly Counter.Child _timeouts;
    private readonly Histogram.Child _time;

    public ControllerMetrics(OperatorMetrics metrics, string controller, int workers)
    {
        _results = Results.ToDictionary(result => result, result => metrics.Passes.WithLabels(controller, result));
        _errors = metrics.PassErrors.WithLabels(controller);
        _terminal = metrics.TerminalErrors.WithLabels(controller);
        _panics = metrics.Panics.WithLabels(controller);
        _timeouts = metrics.Timeouts.WithLabels(controller);
        _time = metrics.PassTime.WithLabels(controller);
        Active = metrics.ActiveWorkers.WithLabels(controller);
        metrics.MaxWorkers.WithLabels(controller).Set(workers);
    }

    public Gauge.Child Active { get; }

    public void Ended(PassOutcome outcome, TimeSpan took)
    {
        _time.Observe(took.TotalSeconds);
        if (ResultOf(outcome) is { } result)
        {
            _results[result].Inc();
        }

        if (ResultOf(outcome) == "error")
        {
            _errors.Inc();
        }

        KindOf(outcome)?.Inc();
    }

    /// <summary>A pass that the shutdown cut short has no result.</summary>
    private static string? ResultOf(PassOutcome outcome) => outcome switch
    {
        PassOutcome.Success or PassOutcome.Gone => "success",
        PassOutcome.RequeueAfter => "requeue_after",
        PassOutcome.Conflict => "requeue",
        PassOutcome.Cancelled => null,
        _ => "error",
    };

    private Counter.Child? KindOf(PassOutcome outcome) => outcome switch
    {
        PassOutcome.Terminal => _terminal,
        PassOutcome.Panic => _panics,
        PassOutcome.TimedOut => _timeouts,
        _ => null,
    };
}
