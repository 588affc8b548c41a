using System.Globalization;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using k8s.Models;
using Microsoft.Extensions.Logging;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;
using Slipway.Kube.Telemetry;

namespace Slipway.Kube.Events;

/// <summary>Writes events behind everybody's back: one loop, a bounded line in front of it, the oldest dropped where it is full.</summary>
[EntityRbac(typeof(Corev1Event), Verbs = RbacVerb.Create | RbacVerb.Patch)]
internal sealed partial class EventSink : IEventRecorder
{
    internal const int LineLength = 1000;

    // Where events of objects that are in no namespace go, and where kubectl looks for them.
    private const string DefaultNamespace = "default";
    private const int LongestName = 200;
    // The API server's own limit.
    private const int LongestMessage = 1024;

    private readonly IKubeClient _client;
    private readonly OperatorOptions _options;
    private readonly OperatorMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger<EventSink> _logger;
    private readonly Channel<RecordedEvent> _line;
    private readonly EventCorrelator _correlator;
    private readonly Recent<EventSeries, NamespacedName?> _names = new(EventCorrelator.Capacity);
    private long _number;

    public EventSink(IKubeClient client, OperatorOptions options, OperatorMetrics metrics, TimeProvider time, ILogger<EventSink> logger)
    {
        (_client, _options, _metrics, _time, _logger) = (client, options, metrics, time, logger);
        _correlator = new EventCorrelator(time);
        var line = new BoundedChannelOptions(LineLength) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true };
        _line = Channel.CreateBounded<RecordedEvent>(line, _ => metrics.EventsDropped.Inc());
    }

    public void Record(RecordedEvent happened) => _line.Writer.TryWrite(happened);

    /// <summary>Nothing more is recorded. <see cref="RunAsync"/> ends when it has written what waits.</summary>
    public void Complete() => _line.Writer.TryComplete();

    /// <summary>Writes until <see cref="Complete"/>, or until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var happened in _line.Reader.ReadAllAsync(cancellationToken))
            {
                await WriteAsync(happened, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

    private async Task WriteAsync(RecordedEvent happened, CancellationToken cancellationToken)
    {
        if (_correlator.Next(happened) is not { } step)
        {
            _metrics.EventsDropped.Inc();
            return;
        }

        try
        {
            await WriteAsync(happened, step, cancellationToken);
            _metrics.EventsSent.Inc();
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // News that nobody hears. What it is about stands in status.
            _correlator.Forget(step.Series);
            _metrics.EventsDropped.Inc();
            LogLost(happened.Reason, happened.Regarding.Name, exception.Message);
        }
    }

    private async Task WriteAsync(RecordedEvent happened, EventStep step, CancellationToken cancellationToken)
    {
        if (step.Count > 1 && _names.Get(step.Series) is { } name && await CountUpAsync(name, step, cancellationToken))
        {
            return;
        }

        var created = Event(happened, step.Message);
        await _client.CreateAsync(created, cancellationToken);
        _correlator.Restart(step.Series);
        _names.Set(step.Series, NamespacedName.Of(created));
    }

    /// <summary>False where the Event is gone: after an hour the API server has forgotten it.</summary>
    private async Task<bool> CountUpAsync(NamespacedName name, EventStep step, CancellationToken cancellationToken)
    {
        var patch = new JsonObject { ["count"] = step.Count, ["lastTimestamp"] = Now(), ["message"] = Cut(step.Message) };
        try
        {
            await _client.PatchAsync<Corev1Event>(name, patch, cancellationToken);
            return true;
        }
        catch (KubeApiException exception) when (exception.IsNotFound)
        {
            return false;
        }
    }

    private Corev1Event Event(RecordedEvent happened, string message)
    {
        var space = string.IsNullOrEmpty(happened.Regarding.NamespaceProperty) ? DefaultNamespace : happened.Regarding.NamespaceProperty;
        var now = _time.GetUtcNow();
        var subject = happened.Regarding.Name.Length > LongestName ? happened.Regarding.Name[..LongestName].TrimEnd('-', '.') : happened.Regarding.Name;
        return new Corev1Event
        {
            // As client-go names them: unique, and sorted by object.
            Metadata = new V1ObjectMeta { Name = $"{subject}.{now.UtcTicks + _number++:x}", NamespaceProperty = space },
            InvolvedObject = happened.Regarding,
            Type = happened.Type.ToString(),
            Reason = happened.Reason,
            Message = Cut(message),
            Source = new V1EventSource { Component = _options.FieldManager },
            ReportingComponent = _options.FieldManager,
            ReportingInstance = Environment.MachineName,
            FirstTimestamp = now.UtcDateTime,
            LastTimestamp = now.UtcDateTime,
            Count = 1,
        };
    }

    private string Now() => _time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Cut(string message) => message.Length > LongestMessage ? message[..LongestMessage] : message;

    [LoggerMessage(LogLevel.Debug, "An event is lost, {Reason} of {Name}: {Message}")]
    private partial void LogLost(string reason, string name, string message);
}
