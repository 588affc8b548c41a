using Slipway.Api;
using Slipway.Kube.Events;
using Slipway.Tracing;

namespace Slipway.Builds;

/// <summary>Tells of a pass what people and their tools want to hear: Events, metrics, and, where somebody takes it, the trace.</summary>
internal sealed class BuildReporter(IEventRecorder events, BuildMetrics metrics, ISpanExporter? traces = null)
{
    /// <summary>After the status write, by the pass that made it: whoever could not write tells nothing.</summary>
    public void Report(BuildSnapshot snapshot, ImageBuildStatus after)
    {
        var news = BuildNews.Of(snapshot, after);
        foreach (var happened in BuildEvents.Of(snapshot, after, news)) events.Record(happened);
        metrics.Count(snapshot.PoolKey, news);
        if (news.Ended is not null) traces?.Export(BuildTrace.Of(snapshot, after));
    }
}
