using k8s.Models;
using Slipway.Api;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>A pool's status, from its StatefulSets, their pods and the scheduler's counters.</summary>
internal static class PoolProgress
{
    public static BuilderPoolStatus Status(PoolSnapshot snapshot)
    {
        var platforms = snapshot.OwnPlatforms.OrderBy(platform => platform.Platform, StringComparer.Ordinal).ToList();
        var lagging = platforms.Where(platform => Ready(snapshot, platform) < PoolSizing.Min(platform)).ToList();
        // Builders that the load asks for are on their way without a word, as long as nothing keeps all of them from it for good.
        var stuck = platforms.Where(platform => Ready(snapshot, platform) == 0)
            .SelectMany(platform => Troubles(snapshot, platform)).Where(trouble => !IsPatient(snapshot, trouble));
        var trouble = lagging.SelectMany(platform => Troubles(snapshot, platform)).Concat(stuck).MinBy(trouble => trouble.Severity);
        if (trouble is null && lagging.Count == 0)
            return EndpointProgress.Unreachable(snapshot) is { } unreachable ? Reconciling(snapshot, Reasons.EndpointsUnreachable, unreachable)
                : With(snapshot, new Condition(Conditions.Ready, Conditions.True, Reasons.AllBuildersReady, "All builders are ready."));
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
        var ends = snapshot.OwnPlatforms
            .Where(platform => Ready(snapshot, platform) is var ready && (ready == 0 || ready < PoolSizing.Min(platform)))
            .SelectMany(platform => Troubles(snapshot, platform))
            .Where(trouble => IsPatient(snapshot, trouble))
            .Select(trouble => trouble.Since!.Value + snapshot.Options.Patience);
        return ends.Select(end => (DateTimeOffset?)end).Min();
    }

    /// <summary>Builds on the pods of a StatefulSet, whatever its platform is called.</summary>
    public static int BuildsOn(PoolSnapshot snapshot, V1StatefulSet set) =>
        snapshot.Pods.Where(pod => PoolBuilder.IsOf(set, pod))
            .Sum(pod => snapshot.Queues.Values.Sum(queue => queue.Builds.GetValueOrDefault(pod.Metadata.Uid)));

    private static BuilderPoolStatus With(PoolSnapshot snapshot, params Condition[] conditions)
    {
        var platforms = snapshot.Pool.Spec.Platforms.Where(platform => Platform.TryParse(platform.Platform, out _))
            .OrderBy(platform => platform.Platform, StringComparer.Ordinal).Select(platform => PlatformStatus(snapshot, platform)).ToList();
        // Beside the three that say how the pool is: it must not go when one of them comes.
        if (PoolVersions.Vulnerable(snapshot.Pool, snapshot.Options, platforms.SelectMany(platform => platform.Builders!)) is { } vulnerable)
            conditions = [.. conditions, vulnerable];
        if (PoolExpiry.Condition(snapshot) is { } expiry) conditions = [.. conditions, expiry];
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
            Mode = Endpoints.Serve(platform) ? BuilderModes.External : platform.Mode ?? BuilderModes.Native,
            Desired = platform.Endpoints?.Count ?? PoolSizing.Desired(snapshot, platform),
            Ready = builders.Count(builder => builder.State is BuilderStates.Ready or BuilderStates.Busy),
            Building = queue.Building,
            Queued = queue.Queued,
            Builders = builders,
        };
    }

    private static List<BuilderStatus> Builders(PoolSnapshot snapshot, PoolPlatform platform)
    {
        if (Endpoints.Serve(platform)) return [.. snapshot.Endpoints(platform).Select(builder => External(builder, snapshot.Queue(platform.Platform)))];
        var desired = PoolSizing.Desired(snapshot, platform);
        var drained = PoolDrain.Of(snapshot, platform).Drained;
        return [.. PoolBuilder.Of(snapshot, platform).Select(builder => new BuilderStatus
        {
            Name = builder.Builder.Name,
            State = builder.Terminating || builder.Retired || builder.Ordinal >= desired || drained.Contains(builder.Uid)
                ? BuilderStates.Draining : State(builder.Builder, builder.Builds),
            Builds = builder.Builds,
            Version = builder.Builder.Version,
        })];
    }

    private static BuilderStatus External(Builder builder, QueueCount queue)
    {
        var builds = queue.Builds.GetValueOrDefault(builder.Uid);
        return new BuilderStatus { Name = builder.Name, State = State(builder, builds), Builds = builds, Version = builder.Version };
    }

    private static string State(Builder builder, int builds) => builder switch
    {
        { LowDisk: true } => BuilderStates.LowDisk,
        { Ready: false } => BuilderStates.NotReady,
        _ => builds > 0 ? BuilderStates.Busy : BuilderStates.Ready,
    };

    /// <summary>Those that run, also while a roll drains one of them.</summary>
    private static int Ready(PoolSnapshot snapshot, PoolPlatform platform) => Members(snapshot, platform).Count(builder => builder.Builder.Ready);

    private static IEnumerable<PodTrouble> Troubles(PoolSnapshot snapshot, PoolPlatform platform) =>
        Members(snapshot, platform).Where(builder => !builder.Builder.Ready && !builder.Terminating)
            .Select(builder => PodTrouble.Of(builder.Pod)).OfType<PodTrouble>();

    private static IEnumerable<PoolBuilder> Members(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var desired = PoolSizing.Desired(snapshot, platform);
        return PoolBuilder.Of(snapshot, platform).Where(builder => builder.Ordinal < desired);
    }

    private static bool IsPatient(PoolSnapshot snapshot, PodTrouble trouble) =>
        trouble.Since is { } since && snapshot.Now < since + snapshot.Options.Patience;

    private static string Waiting(PoolSnapshot snapshot, PoolPlatform platform)
    {
        var name = PoolObjects.Name(snapshot.Pool, platform);
        if (snapshot.StatefulSet(name) is null) return $"Waiting for builders of {platform.Platform}.";
        var builders = PoolBuilder.Of(snapshot, platform);
        // buildkitd may take minutes to fall over where it cannot start: what the node lacks is known before.
        if (builders.Where(builder => !builder.Builder.Ready).Select(builder => PodTrouble.OfNode(builder.Pod)).FirstOrDefault(lack => lack is not null) is { } lack)
            return $"Waiting for builders of {platform.Platform}. {lack}";
        if (builders.Count > 0) return $"Waiting for builders of {platform.Platform}.";
        return $"Waiting for pods of {platform.Platform}. If none appears, a quota or Pod Security may refuse them: "
            + $"kubectl -n {snapshot.Pool.Metadata.NamespaceProperty} describe statefulset {name}.";
    }
}

/// <summary>How a builder is, as status says it.</summary>
internal static class BuilderStates
{
    public const string Ready = nameof(Ready);
    public const string Busy = nameof(Busy);
    public const string Draining = nameof(Draining);
    public const string NotReady = nameof(NotReady);
    public const string LowDisk = nameof(LowDisk);
}
