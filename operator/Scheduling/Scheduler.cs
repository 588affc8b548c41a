using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Controllers;

namespace Slipway.Scheduling;

/// <summary>Grants builders to builds, for all pools, one decision at a time. Each decision reads the stores once.</summary>
internal sealed class Scheduler(
    PoolReader reader, Circuits circuits, FarmMetrics metrics, IReconcileTrigger<V1Alpha1ImageBuild> builds, IReconcileTrigger<V1Alpha1BuilderPool> pools,
    TimeProvider time)
    : ISlots, IBuilderService, IQueueCounters, IPoolWatcher
{
    /// <summary>Nothing else wakes a pool when builds join or leave its queue. Its status is written once for all that do so in this time.</summary>
    public static readonly TimeSpan CountersDelay = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<(NamespacedName Pool, string Platform), Lane> _lanes = [];

    public IReadOnlyDictionary<string, SlotAnswer> Request(IReadOnlyList<SlotRequest> requests)
    {
        lock (_lock)
        {
            var asking = requests.Select(request => request.Build).ToHashSet();
            var answers = new Dictionary<string, SlotAnswer>();
            foreach (var left in _lanes.Values.Where(lane => lane.ForgetOldWishes(requests)).ToList()) Settle(left, Read(left), asking);
            foreach (var request in requests)
            {
                var lane = LaneOf(request.Pool, request.Platform);
                var view = Read(lane);
                lane.Ask(request, view, time.GetUtcNow());
                Settle(lane, view, asking);
                answers[request.Platform] = lane.AnswerTo(request, view);
            }

            return answers;
        }
    }

    public void Withdraw(NamespacedName build)
    {
        lock (_lock)
        {
            foreach (var lane in _lanes.Values.Where(lane => lane.Withdraw(build, time.GetUtcNow())).ToList()) Settle(lane, Read(lane), []);
        }
    }

    public void Report(JobOutcome outcome) => circuits.Report(outcome);

    public void Refresh(NamespacedName pool)
    {
        lock (_lock)
        {
            var wanted = reader.Pool(pool)?.Spec.Platforms.Select(platform => platform.Platform).Where(platform => Platform.TryParse(platform, out _)) ?? [];
            var known = _lanes.Keys.Where(lane => lane.Pool == pool).Select(lane => lane.Platform);
            foreach (var lane in wanted.Union(known).Select(platform => LaneOf(pool, platform)).ToList()) Settle(lane, Read(lane), []);
        }
    }

    public void Drain(NamespacedName pool, string platform, IReadOnlySet<string> builderUids)
    {
        lock (_lock)
        {
            var lane = LaneOf(pool, platform);
            if (lane.Drain(builderUids)) Settle(lane, Read(lane), []);
        }
    }

    public bool TryRetire(NamespacedName pool, string platform, string builderUid)
    {
        lock (_lock)
        {
            var lane = LaneOf(pool, platform);
            var view = Read(lane);
            var retired = lane.TryRetire(builderUid, view);
            Settle(lane, view, []);
            return retired;
        }
    }

    public QueueCount Of(NamespacedName pool, string platform)
    {
        lock (_lock)
        {
            var lane = _lanes.GetValueOrDefault((pool, platform)) ?? new Lane(pool, platform);
            return lane.Count(Read(lane));
        }
    }

    private PoolView Read(Lane lane) => PoolView.Read(reader, lane.Pool, lane.Platform);

    private Lane LaneOf(NamespacedName pool, string platform)
    {
        if (!_lanes.TryGetValue((pool, platform), out var lane)) _lanes[(pool, platform)] = lane = new Lane(pool, platform);
        return lane;
    }

    /// <summary>Wakes whoever must know, but for those that ask and hear it by their answer.</summary>
    private void Settle(Lane lane, PoolView view, IReadOnlyCollection<NamespacedName> asking)
    {
        var now = time.GetUtcNow();
        var news = lane.Settle(view, now);
        foreach (var build in news.Changed.Where(build => !asking.Contains(build)).Distinct()) builds.Enqueue(build);
        foreach (var build in news.Placed) metrics.Placed(lane.Pool, lane.Platform, build);
        if (news.Desired.Before is { } before) metrics.Scaled(lane.Pool, lane.Platform, before, news.Desired.Now);
        if (news.Desired.Before != news.Desired.Now) pools.Enqueue(lane.Pool);
        if (news.QueueChanged) pools.EnqueueAfter(lane.Pool, CountersDelay);
        if (news.NextLook is { } look) pools.EnqueueAfter(lane.Pool, look - now);
        if (circuits.NextTry(lane.Pool, lane.Platform) is { } retry) pools.EnqueueAfter(lane.Pool, retry - now);
        if (lane.IsEmpty && !view.Wanted) _lanes.Remove((lane.Pool, lane.Platform));
    }
}
