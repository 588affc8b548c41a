using Slipway.Api;
using Slipway.Kube;
using Slipway.Kube.Controllers;

namespace Slipway.Scheduling;

/// <summary>
/// Grants builders to builds, for all pools, one decision at a time. A grant is assumed to hold its slot until its Job
/// is seen; from then on the Job alone counts, so a restart forgets nothing that matters.
/// </summary>
internal sealed class Scheduler(
    PoolReader reader, Circuits circuits, IReconcileTrigger<V1Alpha1ImageBuild> builds, IReconcileTrigger<V1Alpha1BuilderPool> pools, TimeProvider time) : ISlots, IQueueCounters, IPoolWatcher
{
    /// <summary>A grant whose Job never came: the reconciler that asked gave up, and will ask again if it still wants to.</summary>
    public static readonly TimeSpan GrantExpiry = TimeSpan.FromMinutes(2);

    /// <summary>How long a build that wants nothing any more may already have a Job that no store shows.</summary>
    public static readonly TimeSpan WithdrawnExpiry = TimeSpan.FromSeconds(30);

    /// <summary>Nothing else wakes a pool when builds join or leave its queue. Its status is written once for all that do so in this time.</summary>
    public static readonly TimeSpan CountersDelay = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<SlotId, Waiting> _waiting = [];
    private readonly Dictionary<SlotId, Grant> _granted = [];

    // What pools have been told of their queues: lengths by platform, empty ones left out.
    private readonly Dictionary<NamespacedName, Dictionary<string, int>> _queued = [];

    public IReadOnlyDictionary<string, SlotAnswer> Request(IReadOnlyList<SlotRequest> requests)
    {
        lock (_lock)
        {
            var asking = requests.Select(request => request.Build).ToHashSet();
            var touched = requests.Select(request => request.Pool).Concat(ForgetOldWishes(requests, asking)).ToHashSet();
            foreach (var request in requests) Renew(request);
            foreach (var pool in touched) Wake(Settle(pool).Except(asking));
            return requests.ToDictionary(request => request.Platform, AnswerTo);
        }
    }

    public void Withdraw(NamespacedName build)
    {
        lock (_lock)
        {
            var touched = new HashSet<NamespacedName>();
            foreach (var (id, waiting) in _waiting.Where(entry => entry.Value.Request.Build == build).ToList())
            {
                _waiting.Remove(id);
                touched.Add(waiting.Request.Pool);
            }

            // Its Job may have been created and not be seen yet, and then it runs.
            var soon = time.GetUtcNow() + WithdrawnExpiry;
            foreach (var (id, grant) in _granted.Where(entry => entry.Value.Request.Build == build).ToList())
            {
                if (grant.Expires > soon) _granted[id] = grant with { Expires = soon };
                touched.Add(grant.Request.Pool);
            }

            foreach (var pool in touched) Wake(Settle(pool));
        }
    }

    public void Report(JobOutcome outcome) => circuits.Report(outcome);

    public void Refresh(NamespacedName pool)
    {
        lock (_lock)
        {
            Wake(Settle(pool));
        }
    }

    public QueueCount Of(NamespacedName pool, string platform)
    {
        lock (_lock)
        {
            var held = Held(pool, platform);
            return new QueueCount
            {
                Building = held.Count,
                Queued = WaitingFor(pool, platform).Count(),
                Builds = held.GroupBy(slot => slot.BuilderUid).ToDictionary(group => group.Key, group => group.Count()),
            };
        }
    }

    private void Wake(IEnumerable<NamespacedName> changed)
    {
        foreach (var build in changed.Distinct()) builds.Enqueue(build);
    }

    /// <summary>A build whose spec has changed may want other platforms or another pool than before. Returns the pools that it left.</summary>
    private List<NamespacedName> ForgetOldWishes(IReadOnlyList<SlotRequest> requests, HashSet<NamespacedName> asking)
    {
        var wanted = requests.Select(request => (SlotId.Of(request), request.Pool)).ToHashSet();
        var old = _waiting.Where(entry => asking.Contains(entry.Value.Request.Build) && !wanted.Contains((entry.Key, entry.Value.Request.Pool)))
            .Select(entry => (entry.Key, entry.Value.Request.Pool)).ToList();
        foreach (var (id, _) in old) _waiting.Remove(id);
        var elsewhere = requests.Where(request => _granted.TryGetValue(SlotId.Of(request), out var grant) && grant.Request.Pool != request.Pool)
            .Select(request => (Id: SlotId.Of(request), _granted[SlotId.Of(request)].Request.Pool)).ToList();
        foreach (var (id, _) in elsewhere) _granted.Remove(id);
        return [.. old.Select(entry => entry.Pool), .. elsewhere.Select(entry => entry.Pool)];
    }

    /// <summary>Who asks is alive: a grant that still stands starts anew, and what has none waits. One that its Job has used up is none.</summary>
    private void Renew(SlotRequest request)
    {
        var id = SlotId.Of(request);
        if (_granted.TryGetValue(id, out var grant) && Stands(grant, reader.Builders(request.Pool, request.Platform)) && !grant.IsKept(reader.Jobs(request.Pool, request.Platform)))
        {
            _granted[id] = grant with { Expires = time.GetUtcNow() + GrantExpiry };
            return;
        }

        _granted.Remove(id);
        _waiting[id] = new Waiting(request, WaitReason.None);
    }

    /// <summary>Returns the builds whose answer is now another.</summary>
    private List<NamespacedName> Settle(NamespacedName pool)
    {
        var changed = new List<NamespacedName>();
        var platforms = _waiting.Values.Select(waiting => waiting.Request).Concat(_granted.Values.Select(grant => grant.Request))
            .Where(request => request.Pool == pool).Select(request => request.Platform).Distinct(StringComparer.Ordinal).ToList();
        foreach (var platform in platforms)
        {
            DropSettled(pool, platform);
            changed.AddRange(GrantFreeSlots(pool, platform));
            changed.AddRange(ExplainWaiting(pool, platform));
        }

        WakePool(pool);
        return changed;
    }

    private void DropSettled(NamespacedName pool, string platform)
    {
        var jobs = reader.Jobs(pool, platform);
        var builders = reader.Builders(pool, platform);
        var now = time.GetUtcNow();
        foreach (var (id, grant) in GrantsOf(pool, platform).ToList())
        {
            if (grant.IsKept(jobs) || !Stands(grant, builders) || now >= grant.Expires) _granted.Remove(id);
        }

        // Whoever asked did not see yet what its last pass has made.
        foreach (var job in jobs.Where(job => job.Live)) _waiting.Remove(SlotId.Of(job.Slot));
    }

    /// <summary>A builder that is not ready for a moment may already have the Job; one that is gone will come back as another pod.</summary>
    private static bool Stands(Grant grant, IReadOnlyList<Builder> builders) => builders.Any(builder => builder.Uid == grant.Builder.Uid && !builder.Draining);

    private List<NamespacedName> GrantFreeSlots(NamespacedName pool, string platform)
    {
        var granted = new List<NamespacedName>();
        if (reader.Pool(pool) is not { } definition) return granted;
        while (true)
        {
            var view = View(pool, platform, PoolDefaults.BuildsPerBuilderOf(definition, platform));
            var running = view.Held.GroupBy(slot => slot.Build.Namespace).ToDictionary(group => group.Key, group => group.Count());
            if (FairQueue.Next(WaitingFor(pool, platform).Select(waiting => waiting.Request), running) is not { } next) return granted;
            if (Placement.Choose(next.Scope, view.Builders, view.HasRoom) is not { } builder) return granted;
            var id = SlotId.Of(next);
            var earlier = reader.Jobs(pool, platform).Where(job => SlotId.Of(job.Slot) == id).Select(job => job.Uid).ToHashSet();
            _waiting.Remove(id);
            _granted[id] = new Grant(next, builder, time.GetUtcNow() + GrantExpiry, earlier);
            granted.Add(next.Build);
        }
    }

    private List<NamespacedName> ExplainWaiting(NamespacedName pool, string platform)
    {
        var reason = reader.Builders(pool, platform).Any(builder => builder.Ready) ? WaitReason.NoBuilderFree : WaitReason.NoBuilderReady;
        var changed = WaitingFor(pool, platform).Where(waiting => waiting.Reason != reason).ToList();
        foreach (var waiting in changed) _waiting[SlotId.Of(waiting.Request)] = waiting with { Reason = reason };
        return [.. changed.Where(waiting => waiting.Reason != WaitReason.None).Select(waiting => waiting.Request.Build)];
    }

    /// <summary>For the lengths of its queues, and to look at grants again when the first of them ends.</summary>
    private void WakePool(NamespacedName pool)
    {
        var queued = _waiting.Values.Where(waiting => waiting.Request.Pool == pool).CountBy(waiting => waiting.Request.Platform).ToDictionary();
        var told = _queued.GetValueOrDefault(pool, []);
        if (queued.Count != told.Count || queued.Except(told).Any()) pools.EnqueueAfter(pool, CountersDelay);
        if (queued.Count == 0) _queued.Remove(pool);
        else _queued[pool] = queued;

        var ends = _granted.Values.Where(grant => grant.Request.Pool == pool).Select(grant => grant.Expires).ToList();
        if (ends.Count > 0) pools.EnqueueAfter(pool, ends.Min() - time.GetUtcNow());
    }

    private SlotAnswer AnswerTo(SlotRequest request)
    {
        var id = SlotId.Of(request);
        if (_granted.TryGetValue(id, out var grant)) return SlotAnswer.Granted(grant.Builder);
        if (_waiting.TryGetValue(id, out var waiting)) return SlotAnswer.Waiting(waiting.Reason);
        // It has its Job already, so it is told where that runs.
        var job = reader.Jobs(request.Pool, request.Platform).FirstOrDefault(job => job.Live && SlotId.Of(job.Slot) == id);
        var builder = reader.Builders(request.Pool, request.Platform).FirstOrDefault(builder => builder.Uid == job?.Slot.BuilderUid);
        return builder is null ? SlotAnswer.Waiting(WaitReason.NoBuilderFree) : SlotAnswer.Granted(builder);
    }

    private PoolView View(NamespacedName pool, string platform, int buildsPerBuilder) => new()
    {
        BuildsPerBuilder = buildsPerBuilder,
        Builders = [.. reader.Builders(pool, platform).Where(builder => builder.Ready)],
        Held = Held(pool, platform),
    };

    /// <summary>By live Jobs, and by grants whose Job no store shows yet.</summary>
    private List<HeldSlot> Held(NamespacedName pool, string platform)
    {
        var jobs = reader.Jobs(pool, platform);
        var assumed = GrantsOf(pool, platform).Where(entry => !entry.Value.IsKept(jobs))
            .Select(entry => new HeldSlot(entry.Value.Request.Build, entry.Key.BuildUid, platform, entry.Value.Builder.Uid));
        return [.. jobs.Where(job => job.Live).Select(job => job.Slot), .. assumed];
    }

    private IEnumerable<Waiting> WaitingFor(NamespacedName pool, string platform) =>
        _waiting.Values.Where(waiting => waiting.Request.Pool == pool && waiting.Request.Platform == platform);

    private IEnumerable<KeyValuePair<SlotId, Grant>> GrantsOf(NamespacedName pool, string platform) =>
        _granted.Where(entry => entry.Value.Request.Pool == pool && entry.Value.Request.Platform == platform);

    private readonly record struct SlotId(string BuildUid, string Platform)
    {
        public static SlotId Of(SlotRequest request) => new(request.BuildUid, request.Platform);

        public static SlotId Of(HeldSlot slot) => new(slot.BuildUid, slot.Platform);
    }

    private sealed record Waiting(SlotRequest Request, WaitReason Reason);

    private sealed record Grant(SlotRequest Request, Builder Builder, DateTimeOffset Expires, IReadOnlySet<string> EarlierJobs)
    {
        /// <summary>Its Job is there: live and holding the slot itself, or over already.</summary>
        public bool IsKept(IReadOnlyList<JobSlot> jobs) =>
            jobs.Any(job => SlotId.Of(job.Slot) == SlotId.Of(Request) && !EarlierJobs.Contains(job.Uid));
    }
}
