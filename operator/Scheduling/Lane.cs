using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Scheduling;

/// <summary>
/// The queue and the builders of one platform of a pool. A grant is assumed to hold its slot until its Job is seen; from then on the
/// Job alone counts, so a restart forgets nothing that matters. Not for several threads at once.
/// </summary>
internal sealed class Lane(NamespacedName pool, string platform)
{
    /// <summary>A grant whose Job never came: the reconciler that asked gave up, and will ask again if it still wants to.</summary>
    public static readonly TimeSpan GrantExpiry = TimeSpan.FromMinutes(2);

    /// <summary>How long a build that wants nothing any more may already have a Job that no store shows.</summary>
    public static readonly TimeSpan WithdrawnExpiry = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a build whose turn it is leaves free builders to others while the one that is warm for it is full: about as long as it
    /// would need to do again what is cached there.
    /// </summary>
    public static readonly TimeSpan WarmWait = TimeSpan.FromSeconds(60);

    private const int WarmScopes = 10_000;

    // Both by the uid of the build.
    private readonly Dictionary<string, Waiting> _waiting = [];
    private readonly Dictionary<string, Grant> _grants = [];

    // By namespace, of those that wait or run: which grant was its last.
    private readonly Dictionary<string, long> _served = [];

    // By the uid of the builder.
    private readonly HashSet<string> _drained = [];
    private readonly HashSet<string> _retired = [];

    // The builder that each scope ran on last. A start forgets it, and then scopes go where hashing places them.
    private readonly Recent<string, string> _ranOn = new(WarmScopes);

    private IReadOnlyList<Member> _members = [];
    private Demand? _demand;
    private long _grantsSoFar;
    private int? _desired;
    private int _queuedBefore;

    public NamespacedName Pool => pool;

    public string Platform => platform;

    /// <summary>Knows nothing that stores do not show as well.</summary>
    public bool IsEmpty => _waiting.Count + _grants.Count + _drained.Count + _retired.Count == 0;

    /// <summary>Who asks is alive: a grant that still stands starts anew, and what has none waits. One that its Job has used up is none.</summary>
    public void Ask(SlotRequest request, PoolView view, DateTimeOffset now)
    {
        if (_grants.TryGetValue(request.BuildUid, out var grant) && Stands(grant, view) && !IsKept(grant, view))
            _grants[request.BuildUid] = _drained.Contains(grant.Builder.Uid) ? grant : grant with { Expires = now + GrantExpiry };
        else
            _waiting[request.BuildUid] = (_waiting.GetValueOrDefault(request.BuildUid) ?? new Waiting(request, now)) with { Request = request };
    }

    /// <summary>A build whose spec has changed may want other platforms or another pool than before. True where it wanted this one.</summary>
    public bool ForgetOldWishes(IReadOnlyList<SlotRequest> requests)
    {
        var builds = requests.Select(request => request.Build).ToHashSet();
        var here = requests.Where(request => request.Platform == platform && request.Pool == pool).Select(request => request.BuildUid).ToHashSet();
        var elsewhere = requests.Where(request => request.Platform == platform && request.Pool != pool).Select(request => request.BuildUid);
        var old = _waiting.Values.Select(waiting => waiting.Request).Where(request => builds.Contains(request.Build) && !here.Contains(request.BuildUid)).ToList();
        var gone = elsewhere.Count(_grants.Remove);
        foreach (var request in old) _waiting.Remove(request.BuildUid);
        return old.Count + gone > 0;
    }

    /// <summary>True where the build waited or had a grant. The grant ends soon: its Job may have been created and not be seen yet, and then it runs.</summary>
    public bool Withdraw(NamespacedName build, DateTimeOffset now)
    {
        var waiting = _waiting.Values.Where(waiting => waiting.Request.Build == build).ToList();
        foreach (var entry in waiting) _waiting.Remove(entry.Request.BuildUid);

        var soon = now + WithdrawnExpiry;
        var grants = _grants.Values.Where(grant => grant.Request.Build == build).ToList();
        foreach (var grant in grants.Where(grant => grant.Expires > soon)) _grants[grant.Request.BuildUid] = grant with { Expires = soon };
        return waiting.Count + grants.Count > 0;
    }

    /// <summary>
    /// What was granted on one of them before stands: its Job may be there already, and the builder goes on until it is over. True where
    /// they are others than before.
    /// </summary>
    public bool Drain(IReadOnlySet<string> builderUids)
    {
        if (_drained.SetEquals(builderUids)) return false;
        _drained.Clear();
        _drained.UnionWith(builderUids);
        return true;
    }

    public bool TryRetire(string builderUid, PoolView view)
    {
        if (LoadOf(view).On(builderUid) > 0) return false;
        _retired.Add(builderUid);
        return true;
    }

    /// <summary>Grants what is free now.</summary>
    public LaneNews Settle(PoolView view, DateTimeOffset now)
    {
        ForgetWhatEnded(view, now);
        var load = LoadOf(view);
        ForgetWhoLeft(load);
        var (desiredBefore, queuedBefore) = (_desired, _queuedBefore);
        _desired = Scale(view, load.Total + _waiting.Count, now);
        _members = Members(view, now);
        var placed = GrantFreeSlots(view, load, now);
        _queuedBefore = _waiting.Count;
        return new LaneNews
        {
            Changed = [.. placed.Select(build => build.Build), .. ExplainWaiting(now)],
            Placed = placed,
            Desired = (desiredBefore, _desired.Value),
            QueueChanged = _waiting.Count != queuedBefore,
            NextLook = NextLook(view, now),
        };
    }

    /// <summary>As of the last <see cref="Settle"/>.</summary>
    public SlotAnswer AnswerTo(SlotRequest request, PoolView view)
    {
        var preferred = Placement.Preferred(request.Scope, _members, _ranOn.Get(request.Scope))?.Name;
        if (_grants.TryGetValue(request.BuildUid, out var grant)) return SlotAnswer.Granted(grant.Builder) with { PreferredBuilder = preferred };
        if (_waiting.TryGetValue(request.BuildUid, out var waiting)) return SlotAnswer.Waiting(waiting.Reason) with { PreferredBuilder = preferred };
        // It has its Job already, so it is told where that runs.
        var job = view.JobsOf(request.BuildUid).FirstOrDefault(job => job.Answers(request));
        var builder = view.Builders.FirstOrDefault(builder => builder.Uid == job?.Slot.BuilderUid);
        return (builder is null ? SlotAnswer.Waiting(WaitReason.NoBuilderFree) : SlotAnswer.Granted(builder)) with { PreferredBuilder = preferred };
    }

    public QueueCount Count(PoolView view)
    {
        var load = LoadOf(view);
        return new QueueCount
        {
            Building = load.Total,
            Queued = _waiting.Count,
            Desired = _desired ?? 0,
            Retired = _retired.ToHashSet(),
            Builds = load.ByBuilder,
        };
    }

    private void ForgetWhatEnded(PoolView view, DateTimeOffset now)
    {
        foreach (var (uid, grant) in _grants)
        {
            var kept = IsKept(grant, view);
            if (kept) _ranOn.Set(grant.Request.Scope, grant.Builder.Name);
            if (kept || !Stands(grant, view) || now >= grant.Expires) _grants.Remove(uid);
        }

        // Whoever asked did not see yet what its last pass has made.
        foreach (var job in view.LiveJobs)
        {
            if (_waiting.TryGetValue(job.Slot.BuildUid, out var waiting) && job.Answers(waiting.Request)) _waiting.Remove(job.Slot.BuildUid);
        }

        var there = view.Builders.Select(builder => builder.Uid).ToHashSet();
        _drained.IntersectWith(there);
        _retired.IntersectWith(there);
    }

    private void ForgetWhoLeft(Load load)
    {
        var here = _waiting.Values.Select(waiting => waiting.Request.Build.Namespace).ToHashSet();
        foreach (var gone in _served.Keys.Where(space => !here.Contains(space) && load.ByNamespace.GetValueOrDefault(space) == 0).ToList()) _served.Remove(gone);
    }

    private int Scale(PoolView view, int builds, DateTimeOffset now)
    {
        var wanted = Math.Min(Demand.For(builds, view.BuildsPerBuilder), view.Max);
        _demand = (_demand ?? Demand.StartingWith(BuildersOfItsOwn(view))).Next(wanted, now, view.IdleAfter);
        return Math.Clamp(_demand.Highest, view.Min, view.Max);
    }

    /// <summary>Names that placement knows: the pool's own below the number that there should be, and all that are outside the cluster.</summary>
    private List<Member> Members(PoolView view, DateTimeOffset now)
    {
        var takers = view.Builders.Where(builder => TakesBuilds(builder, now)).ToLookup(builder => builder.Name, StringComparer.Ordinal);
        var own = Enumerable.Range(0, _desired ?? 0).Select(ordinal => ChildNames.BuilderPod(ChildNames.StatefulSet(pool.Name, Api.Platform.Parse(platform)), ordinal));
        var outside = view.Builders.Where(IsOutside).Select(builder => builder.Name);
        return [.. own.Concat(outside).Select(name => new Member(name, takers[name].FirstOrDefault()))];
    }

    private bool TakesBuilds(Builder builder, DateTimeOffset now) =>
        builder is { Ready: true, Draining: false, LowDisk: false }
        && !_drained.Contains(builder.Uid) && !_retired.Contains(builder.Uid)
        && !builder.EndsBy(now);

    private List<PlacedBuild> GrantFreeSlots(PoolView view, Load load, DateTimeOffset now)
    {
        bool HasRoom(Member member) => member.Builder is { } builder && load.On(builder.Uid) < Math.Min(view.BuildsPerBuilder, builder.Room ?? view.BuildsPerBuilder);

        var placed = new List<PlacedBuild>();
        if (!_members.Any(HasRoom)) return placed;
        FairQueue.Serve(_waiting.Values.Select(waiting => waiting.Request), load.ByNamespace, _served, request =>
        {
            var choice = Placement.Choose(request.Scope, Placement.Without(request.Avoid, _members), _ranOn.Get(request.Scope), HasRoom);
            if (choice.Free is not { Builder: { } builder }) return false;
            var spills = choice.Free != choice.Preferred;
            if (spills && choice.WorthWaiting && WaitsForWarm(request, now)) return false;
            placed.Add(new PlacedBuild(request.Build, now - _waiting[request.BuildUid].Since, spills));
            Accept(request, builder, view, now);
            load.Add(request.Build.Namespace, builder.Uid);
            return true;
        });
        return placed;
    }

    /// <summary>From the first time on that it might have gone elsewhere.</summary>
    private bool WaitsForWarm(SlotRequest request, DateTimeOffset now)
    {
        var waiting = _waiting[request.BuildUid];
        var until = waiting.WarmUntil ?? now + WarmWait;
        _waiting[request.BuildUid] = waiting with { WarmUntil = until };
        return now < until;
    }

    private void Accept(SlotRequest request, Builder builder, PoolView view, DateTimeOffset now)
    {
        var earlier = view.JobsOf(request.BuildUid).Select(job => job.Uid).ToHashSet();
        _waiting.Remove(request.BuildUid);
        _served[request.Build.Namespace] = ++_grantsSoFar;
        _grants[request.BuildUid] = new Grant(request, builder, now + GrantExpiry, earlier);
    }

    /// <summary>Returns the builds that wait for another reason now.</summary>
    private List<NamespacedName> ExplainWaiting(DateTimeOffset now)
    {
        var anyTakes = _members.Any(member => member.Builder is not null);
        WaitReason Reason(Waiting waiting) => anyTakes
            ? now < waiting.WarmUntil ? WaitReason.WarmBuilderBusy : WaitReason.NoBuilderFree
            : WaitReason.NoBuilderReady;

        var changed = _waiting.Values.Where(waiting => waiting.Reason != Reason(waiting)).ToList();
        foreach (var waiting in changed) _waiting[waiting.Request.BuildUid] = waiting with { Reason = Reason(waiting) };
        return [.. changed.Select(waiting => waiting.Request.Build)];
    }

    /// <summary>Time alone ends grants, patience, and the memory of what was wanted.</summary>
    private DateTimeOffset? NextLook(PoolView view, DateTimeOffset now) => _grants.Values.Select(grant => (DateTimeOffset?)grant.Expires)
        .Concat(_waiting.Values.Select(waiting => now < waiting.WarmUntil ? waiting.WarmUntil : null))
        .Append(_demand?.Highest > view.Min ? _demand.FallsAt(view.IdleAfter) : null)
        .Min();

    /// <summary>By live Jobs, and by grants whose Job no store shows yet.</summary>
    private Load LoadOf(PoolView view) => new(view.Held.Concat(_grants.Values.Where(grant => !IsKept(grant, view))
        .Select(grant => new HeldSlot(grant.Request.Build, grant.Request.BuildUid, platform, grant.Builder.Uid))));

    /// <summary>A builder that is not ready for a moment may already have the Job; one that is gone will come back as another pod.</summary>
    private static bool Stands(Grant grant, PoolView view) => view.Builders.Any(builder => builder.Uid == grant.Builder.Uid && !builder.Draining);

    /// <summary>Its Job is there: live and holding the slot itself, or over already.</summary>
    private static bool IsKept(Grant grant, PoolView view) => view.JobsOf(grant.Request.BuildUid).Any(job => !grant.EarlierJobs.Contains(job.Uid));

    private static bool IsOutside(Builder builder) => builder.Mode == BuilderModes.External;

    /// <summary>As the StatefulSet counts them: up to the highest that stays.</summary>
    private static int BuildersOfItsOwn(PoolView view) => view.Builders.Where(builder => !builder.Draining && !IsOutside(builder))
        .Select(builder => Math.Min(builder.Ordinal, view.Max - 1) + 1).DefaultIfEmpty(0).Max();

    private sealed record Waiting(SlotRequest Request, DateTimeOffset Since)
    {
        /// <summary>None until it has been looked at.</summary>
        public WaitReason Reason { get; init; }

        /// <summary>Until then it waits for the builder that is warm for it; null where it never had the choice.</summary>
        public DateTimeOffset? WarmUntil { get; init; }
    }

    private sealed record Grant(SlotRequest Request, Builder Builder, DateTimeOffset Expires, IReadOnlySet<string> EarlierJobs);
}

/// <summary>What a decision has changed.</summary>
internal sealed record LaneNews
{
    /// <summary>Builds whose answer is another now.</summary>
    public required IReadOnlyList<NamespacedName> Changed { get; init; }

    /// <summary>Builds that have got a builder.</summary>
    public required IReadOnlyList<PlacedBuild> Placed { get; init; }

    /// <summary>How many builders there should be; before the first decision nothing was known.</summary>
    public required (int? Before, int Now) Desired { get; init; }

    /// <summary>More or fewer builds wait.</summary>
    public required bool QueueChanged { get; init; }

    /// <summary>When time alone may change the decision.</summary>
    public required DateTimeOffset? NextLook { get; init; }
}

/// <summary>A build that has got a builder.</summary>
/// <param name="Build">Its name.</param>
/// <param name="Waited">For so long.</param>
/// <param name="Spilled">It is another one than the one that is warm for it.</param>
internal sealed record PlacedBuild(NamespacedName Build, TimeSpan Waited, bool Spilled);
