using System.Globalization;
using Slipway.Api;
using Slipway.Kube;
using Slipway.Scheduling;

namespace Slipway.Tests.Simulation;

/// <summary>
/// Many scopes that build again and again on a pool whose builders stay the same, decided by the real queue in simulated time. A build
/// comes as soon as no more than half of the slots are taken or waited for, and takes from 5 to 60 seconds.
/// </summary>
internal sealed class PlacementSimulation(int seed)
{
    private static readonly NamespacedName Pool = new("builders", "farm");
    private static readonly PoolPlatform Platform = new() { Platform = "linux/amd64", BuildsPerBuilder = 4, Replicas = new PoolReplicas { Min = 10, Max = 10 } };
    private static readonly IReadOnlyList<Builder> Builders = [.. Enumerable.Range(0, Platform.Replicas!.Min).Select(Up)];

    private readonly Random _random = new(seed);
    private readonly Lane _lane = new(Pool, Platform.Platform);
    private readonly List<JobSlot> _jobs = [];
    private readonly PriorityQueue<JobSlot, DateTimeOffset> _ends = new();
    private readonly Dictionary<string, SlotRequest> _waiting = [];
    private readonly Dictionary<string, string> _lastBuilder = [];
    private DateTimeOffset _now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private DateTimeOffset? _nextLook;
    private int _builds;
    private int _returns;
    private int _same;

    public int Scopes { get; init; } = 10_000;

    public int BuildsOfAScope { get; init; } = 10;

    /// <summary>How many in a hundred builds ran where the build of their scope before them ran; the first of each has none before it.</summary>
    public double StickinessPercent()
    {
        var slots = Builders.Count * Platform.BuildsPerBuilder!.Value;
        for (var round = 0; round < BuildsOfAScope; round++)
        {
            var scopes = Names(Scopes);
            _random.Shuffle(scopes);
            foreach (var scope in scopes)
            {
                while (_jobs.Count + _waiting.Count > slots / 2) Advance();
                Arrive(scope, _builds++);
            }
        }

        while (_waiting.Count > 0) Advance();
        return 100.0 * _same / _returns;
    }

    /// <summary>How many scopes another builder moves, over the share that it must get: 1.0 is ideal.</summary>
    public static double KeysMovedRatio(int builders, int scopes = 10_000)
    {
        var (before, after) = (Members(builders), Members(builders + 1));
        var moved = Names(scopes).Count(scope => Placement.Best(scope, before)!.Name != Placement.Best(scope, after)!.Name);
        return (double)moved / scopes * (builders + 1);
    }

    private void Arrive(string scope, int number)
    {
        var request = new SlotRequest
        {
            Build = new NamespacedName("team", $"build-{number}"),
            BuildUid = number.ToString(CultureInfo.InvariantCulture),
            Pool = Pool,
            Platform = Platform.Platform,
            Scope = scope,
            Created = _now.UtcDateTime,
        };
        _waiting[request.BuildUid] = request;
        _lane.Ask(request, View(), _now);
        Settle();
    }

    /// <summary>To the next build that ends, or to the moment at which the queue wants to look again.</summary>
    private void Advance()
    {
        if (_nextLook is { } look && (!_ends.TryPeek(out _, out var end) || look < end))
        {
            _now = look;
            Settle();
            return;
        }

        _ends.TryDequeue(out var job, out _now);
        _jobs.Remove(job!);
        _jobs.Add(job! with { Live = false });
        Settle();
        _jobs.RemoveAll(ended => ended.Uid == job!.Uid);
    }

    private void Settle()
    {
        var view = View();
        _nextLook = _lane.Settle(view, _now).NextLook;
        foreach (var request in _waiting.Values.ToList())
        {
            if (_lane.AnswerTo(request, view).Builder is { } builder) Start(request, builder);
        }
    }

    private void Start(SlotRequest request, Builder builder)
    {
        _waiting.Remove(request.BuildUid);
        if (_lastBuilder.TryGetValue(request.Scope, out var last))
        {
            _returns++;
            if (last == builder.Name) _same++;
        }

        _lastBuilder[request.Scope] = builder.Name;
        var job = new JobSlot(request.BuildUid, Live: true, new HeldSlot(request.Build, request.BuildUid, request.Platform, builder.Uid));
        _jobs.Add(job);
        _ends.Enqueue(job, _now + TimeSpan.FromSeconds(5 + 55 * _random.NextDouble()));
    }

    private PoolView View() => new(Platform, TimeSpan.FromMinutes(10), Builders, [.. _jobs]);

    private static string[] Names(int count) => [.. Enumerable.Range(0, count).Select(number => string.Create(CultureInfo.InvariantCulture, $"team/app-{number}"))];

    private static IReadOnlyList<Member> Members(int count) => [.. Enumerable.Range(0, count).Select(ordinal => new Member(Up(ordinal).Name, Up(ordinal)))];

    private static Builder Up(int ordinal)
    {
        var name = ChildNames.BuilderPod("farm-linux-amd64", ordinal);
        return new Builder { Name = name, Uid = $"uid-of-{name}", Ordinal = ordinal, ServerName = name, Ready = true, Draining = false };
    }
}
