using Slipway.Kube;

namespace Slipway.Scheduling;

/// <summary>What the scheduler knows of a pool's load. A read of memory: cheap, and as fresh as the scheduler is.</summary>
internal interface IQueueCounters
{
    /// <param name="pool">The pool.</param>
    /// <param name="platform">The platform as users write it, linux/arm64.</param>
    QueueCount Of(NamespacedName pool, string platform);
}

/// <summary>The load of one platform of a pool.</summary>
internal sealed record QueueCount
{
    public static readonly QueueCount None = new();

    /// <summary>Builds that hold a slot.</summary>
    public int Building { get; init; }

    /// <summary>Builds that wait for one.</summary>
    public int Queued { get; init; }

    /// <summary>How many builders there should be, of the pool's own.</summary>
    public int Desired { get; init; }

    /// <summary>Uids of builders that take no builds any more and end as soon as their pods do.</summary>
    public IReadOnlySet<string> Retired { get; init; } = new HashSet<string>();

    /// <summary>Builds by the uid of the builder pod that they run on; a pod without any is left out. Its name may come back as another pod.</summary>
    public IReadOnlyDictionary<string, int> Builds { get; init; } = new Dictionary<string, int>();
}
