using Slipway.Api;
using Slipway.Kube;

namespace Slipway.Scheduling;

/// <summary>What the stores show of one platform of a pool: read once, then decided upon.</summary>
internal sealed class PoolView(PoolPlatform? platform, TimeSpan idleAfter, IReadOnlyList<Builder> builders, IReadOnlyList<JobSlot> jobs)
{
    public const int DefaultBuildsPerBuilder = 2;
    private static readonly TimeSpan DefaultIdleAfter = TimeSpan.FromMinutes(10);
    private readonly ILookup<string, JobSlot> _byBuild = jobs.ToLookup(job => job.Slot.BuildUid, StringComparer.Ordinal);

    /// <summary>False where the pool is gone, or has this platform no more.</summary>
    public bool Wanted => platform is not null;

    /// <summary>Builders of the pool's own; there are none where they run outside the cluster.</summary>
    public int Min => Replicas.Min;

    public int Max => Math.Max(Replicas.Min, Replicas.Max);

    public int BuildsPerBuilder => platform?.BuildsPerBuilder ?? DefaultBuildsPerBuilder;

    public TimeSpan IdleAfter => idleAfter;

    /// <summary>Every builder, whether or not it takes builds.</summary>
    public IReadOnlyList<Builder> Builders => builders;

    public IEnumerable<JobSlot> LiveJobs => jobs.Where(job => job.Live);

    /// <summary>Of Jobs that run.</summary>
    public IEnumerable<HeldSlot> Held => LiveJobs.Select(job => job.Slot);

    private PoolReplicas Replicas => platform switch
    {
        null or { Endpoints.Count: > 0 } => new PoolReplicas { Min = 0, Max = 0 },
        _ => platform.Replicas ?? new PoolReplicas(),
    };

    public static PoolView Read(PoolReader reader, NamespacedName pool, string platform)
    {
        var spec = reader.Pool(pool)?.Spec;
        return new PoolView(
            spec?.Platforms.FirstOrDefault(candidate => candidate.Platform == platform),
            GoDuration.TryParse(spec?.Scaling?.IdleAfter, out var idleAfter) ? idleAfter : DefaultIdleAfter,
            reader.Builders(pool, platform),
            reader.Jobs(pool, platform));
    }

    /// <summary>The build's Jobs for this platform, ended or not.</summary>
    public IEnumerable<JobSlot> JobsOf(string buildUid) => _byBuild[buildUid];
}

/// <summary>One build of one platform on one builder.</summary>
internal sealed record HeldSlot(NamespacedName Build, string BuildUid, string Platform, string BuilderUid);

/// <summary>A build Job and the slot that it holds while it is live.</summary>
internal sealed record JobSlot(string Uid, bool Live, HeldSlot Slot, int Attempt = 1, string BuildKey = "")
{
    /// <summary>It is what the request wanted a builder for.</summary>
    public bool Answers(SlotRequest request) => Live && Attempt >= request.Attempt && BuildKey == request.BuildKey;
}

/// <summary>How many builds run where, counted as they are granted.</summary>
internal sealed class Load
{
    private readonly Dictionary<string, int> _byBuilder = [];
    private readonly Dictionary<string, int> _byNamespace = [];

    public Load(IEnumerable<HeldSlot> held)
    {
        foreach (var slot in held) Add(slot.Build.Namespace, slot.BuilderUid);
    }

    public int Total { get; private set; }

    /// <summary>By the builder's uid; those without any are left out.</summary>
    public IReadOnlyDictionary<string, int> ByBuilder => _byBuilder;

    public IReadOnlyDictionary<string, int> ByNamespace => _byNamespace;

    public void Add(string space, string builderUid)
    {
        Total++;
        _byNamespace[space] = _byNamespace.GetValueOrDefault(space) + 1;
        _byBuilder[builderUid] = On(builderUid) + 1;
    }

    public int On(string builderUid) => _byBuilder.GetValueOrDefault(builderUid);
}
