using k8s.Models;
using Slipway.Api;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>A pool's status, from its StatefulSets, their pods and the scheduler's counters.</summary>
internal static class PoolProgress
{
    public static BuilderPoolStatus Status(PoolSnapshot snapshot)
    {
        var lagging = snapshot.Pool.Spec.Platforms.Where(platform => !IsReady(snapshot, platform))
            .OrderBy(platform => platform.Platform, StringComparer.Ordinal).ToList();
        if (lagging.Count == 0)
            return With(snapshot, new Condition(Conditions.Ready, Conditions.True, Reasons.AllBuildersReady, "All builders are ready."));

        var trouble = lagging.SelectMany(platform => Troubles(snapshot, platform)).MinBy(trouble => trouble.Severity);
        if (trouble is null)
            return Reconciling(snapshot, Reasons.BuildersStarting, string.Join(" ", lagging.Select(platform => Waiting(snapshot, platform))));
        return IsPatient(snapshot, trouble)
            ? Reconciling(snapshot, trouble.Reason, trouble.Message)
            : Stalled(snapshot, trouble.Reason, trouble.Message);
    }

    public static BuilderPoolStatus Reconciling(PoolSnapshot snapshot, string reason, string message) => With(
        snapshot,
        new Condition(Conditions.Ready, Conditions.Unknown, reason, message),
        new Condition(Conditions.Reconciling, Conditions.True, reason, message));

    public static BuilderPoolStatus Stalled(PoolSnapshot snapshot, string reason, string message) => With(
        snapshot,
        new Condition(Conditions.Ready, Conditions.False, reason, message),
        new Condition(Conditions.Stalled, Conditions.True, reason, message));

    /// <summary>When a trouble that may pass by itself stops counting as passing; null where there is none.</summary>
    public static DateTimeOffset? PatienceEnds(PoolSnapshot snapshot)
    {
        var ends = snapshot.Pool.Spec.Platforms.Where(platform => !IsReady(snapshot, platform))
            .SelectMany(platform => Troubles(snapshot, platform))
            .Where(trouble => IsPatient(snapshot, trouble))
            .Select(trouble => trouble.Since!.Value + snapshot.Options.Patience);
        return ends.Select(end => (DateTimeOffset?)end).Min();
    }

    /// <summary>Builds on the pods of a StatefulSet, whatever its platform is called.</summary>
    public static int BuildsOn(PoolSnapshot snapshot, V1StatefulSet set) =>
        PodsOf(snapshot, set).Sum(pod => snapshot.Queues.Values.Sum(queue => Builds(queue, pod.Metadata.Uid)));

    private static BuilderPoolStatus With(PoolSnapshot snapshot, params Condition[] conditions)
    {
        var builders = snapshot.Pool.Spec.Platforms.Where(platform => Platform.TryParse(platform.Platform, out _)).SelectMany(platform => Builders(snapshot, platform));
        // Beside the three that say how the pool is: it must not go when one of them comes.
        if (PoolVersions.Vulnerable(snapshot.Pool, snapshot.Options, builders) is { } vulnerable) conditions = [.. conditions, vulnerable];
        var platforms = snapshot.Pool.Spec.Platforms.Where(platform => Platform.TryParse(platform.Platform, out _))
            .OrderBy(platform => platform.Platform, StringComparer.Ordinal).Select(platform => PlatformStatus(snapshot, platform)).ToList();
        return new BuilderPoolStatus
        {
            ObservedGeneration = snapshot.Pool.Metadata.Generation,
            Conditions = Conditions.Merge(snapshot.Pool.Status?.Conditions, conditions, snapshot.Pool.Metadata.Generation, snapshot.Now),
            Platforms = platforms,
            Summary = new PoolSummary
            {
                Builders = $"{platforms.Sum(platform => platform.Ready)}/{platforms.Sum(platform => platform.Desired)}",
                Building = platforms.Sum(platform => platform.Building),
                Queued = platforms.Sum(platform => platform.Queued),
            },
        };
    }

    private static PoolPlatformStatus PlatformStatus(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var queue = snapshot.Queue(platform.Platform);
        var builders = Builders(snapshot, platform);
        return new PoolPlatformStatus
        {
            Platform = platform.Platform,
            Mode = platform.Mode ?? "Native",
            Desired = PoolObjects.Replicas(platform),
            Ready = builders.Count(builder => builder.Ready),
            Building = queue.Building,
            Queued = queue.Queued,
            Builders = [.. builders.Select(builder => new BuilderStatus
            {
                Name = builder.Name,
                State = State(builder, Builds(queue, builder.Uid)),
                Builds = Builds(queue, builder.Uid),
                Version = builder.Version,
            })],
        };
    }

    private static string State(Builder builder, int builds) => builder switch
    {
        { Draining: true } => "Draining",
        { LowDisk: true } => "LowDisk",
        { Ready: false } => "NotReady",
        _ => builds > 0 ? "Busy" : "Ready",
    };

    private static List<Builder> Builders(PoolSnapshot snapshot, PoolPlatform platform) =>
        snapshot.StatefulSet(PoolObjects.Name(snapshot.Pool, platform)) is not { } set ? [] :
        [.. PodsOf(snapshot, set).Select(pod => Builder.From(pod, set.Metadata.Name)).OrderBy(builder => builder.Ordinal)];

    /// <summary>By owner, not by label: anybody who may create pods in the namespace can label one.</summary>
    private static IEnumerable<V1Pod> PodsOf(PoolSnapshot snapshot, V1StatefulSet set) => !snapshot.Owns(set.Metadata) ? [] :
        snapshot.Pods.Where(pod =>
            pod.Metadata.OwnerReferences?.Any(owner => owner.Controller == true && owner.Uid == set.Metadata.Uid) ?? false);

    /// <summary>A platform that wants no builder is ready, its StatefulSet there or not.</summary>
    private static bool IsReady(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var desired = PoolObjects.Replicas(platform);
        return Builders(snapshot, platform).Count(builder => builder.Ready && builder.Ordinal < desired) >= desired;
    }

    private static IEnumerable<PodTrouble> Troubles(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var desired = PoolObjects.Replicas(platform);
        if (snapshot.StatefulSet(PoolObjects.Name(snapshot.Pool, platform)) is not { } set) return [];
        return PodsOf(snapshot, set)
            .Select(pod => (Pod: pod, Builder: Builder.From(pod, set.Metadata.Name)))
            .Where(item => item.Builder is { Ready: false, Draining: false } && item.Builder.Ordinal < desired)
            .OrderBy(item => item.Builder.Ordinal)
            .Select(item => PodTrouble.Of(item.Pod))
            .OfType<PodTrouble>();
    }

    private static bool IsPatient(PoolSnapshot snapshot, PodTrouble trouble) =>
        trouble.Since is { } since && snapshot.Now < since + snapshot.Options.Patience;

    private static string Waiting(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var name = PoolObjects.Name(snapshot.Pool, platform);
        if (snapshot.StatefulSet(name) is not { } set) return $"Waiting for builders of {platform.Platform}.";
        var pods = PodsOf(snapshot, set).OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal).ToList();
        // buildkitd may take minutes to fall over where it cannot start: what the node lacks is known before.
        if (pods.Where(pod => !Builder.From(pod, name).Ready).Select(PodTrouble.OfNode).FirstOrDefault(lack => lack is not null) is { } lack)
            return $"Waiting for builders of {platform.Platform}. {lack}";
        if (pods.Count > 0) return $"Waiting for builders of {platform.Platform}.";
        return $"Waiting for pods of {platform.Platform}. If none appears, a quota or Pod Security may refuse them: "
            + $"kubectl -n {snapshot.Pool.Metadata.NamespaceProperty} describe statefulset {name}.";
    }

    private static int Builds(QueueCount queue, string podUid) => queue.Builds.TryGetValue(podUid, out var builds) ? builds : 0;
}
