using k8s.Models;
using Slipway.Api;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>May this build use that pool, and can the pool build it?</summary>
internal static class PoolAdmission
{
    /// <summary>Null where nothing stands against it.</summary>
    public static RunFailure? Refusal(BuildSnapshot snapshot)
    {
        var pool = snapshot.PoolKey;
        if (snapshot.Pool is null)
            return Failures.Of(FailureClass.Config, Reasons.PoolNotFound,
                $"There is no BuilderPool {pool}. Correct spec.poolRef, or create the pool: the build starts when it is there.");
        if (!NamespaceSelection.Holds(snapshot.Pool.Spec.AllowedNamespaces ?? new AllowedNamespaces(), snapshot))
            return Failures.Of(FailureClass.Config, Reasons.NamespaceNotAllowed,
                $"BuilderPool {pool} takes no builds from namespace {snapshot.Key.Namespace}. Ask its owner to widen spec.allowedNamespaces.");
        return MissingPlatform(snapshot) ?? StalledPool(snapshot);
    }

    /// <summary>The pool chooses by labels, and the namespace is so new that its labels are not known: it is there, since the build is.</summary>
    public static bool IsUndecided(BuildSnapshot snapshot) =>
        snapshot is { NamespaceLabels: null, Pool.Spec: { AllowedNamespaces.From: "Selector" } or { Cache.ExportFrom.From: "Selector" } } && snapshot.PoolKey.Namespace != snapshot.Key.Namespace;

    private static RunFailure? MissingPlatform(BuildSnapshot snapshot)
    {
        var offered = snapshot.Pool!.Spec.Platforms.Select(platform => platform.Platform).ToList();
        var missing = (snapshot.Build.Spec.Platforms ?? []).Where(platform => !offered.Contains(platform, StringComparer.Ordinal)).ToList();
        return missing.Count == 0 ? null : Failures.Of(FailureClass.Config, Reasons.PlatformNotInPool,
            $"BuilderPool {snapshot.PoolKey} does not build {string.Join(", ", missing)}; it has {string.Join(", ", offered)}. Correct spec.platforms or choose another pool.");
    }

    /// <summary>A pool that cannot start its builders says why; the build passes it on and goes on when the pool does.</summary>
    private static RunFailure? StalledPool(BuildSnapshot snapshot)
    {
        var pool = snapshot.Pool!;
        if (Stall(pool) is not { } stalled || pool.Status!.ObservedGeneration != pool.Metadata.Generation) return null;
        var wanted = snapshot.Build.Spec.Platforms is { Count: > 0 } asked ? asked : [.. pool.Spec.Platforms.Select(platform => platform.Platform)];
        return wanted.All(AblePlatforms(pool).Contains) ? null : Failures.Of(FailureClass.Config, Reasons.PoolStalled,
            $"BuilderPool {snapshot.PoolKey} is stalled: {stalled.Message} The build starts when the pool is mended.");
    }

    /// <summary>Whether two versions of a pool are one to every build. All that is asked of a pool's status is asked here too.</summary>
    public static bool LooksTheSame(V1Alpha1BuilderPool before, V1Alpha1BuilderPool after) =>
        before.Metadata.Uid == after.Metadata.Uid && before.Metadata.Generation == after.Metadata.Generation
        && before.Metadata.DeletionTimestamp == after.Metadata.DeletionTimestamp
        && before.Status?.ObservedGeneration == after.Status?.ObservedGeneration
        && Stall(before)?.Message == Stall(after)?.Message && AblePlatforms(before).SetEquals(AblePlatforms(after));

    private static V1Condition? Stall(V1Alpha1BuilderPool pool) =>
        pool.Status?.Conditions?.FirstOrDefault(condition => condition is { Type: Conditions.Stalled, Status: Conditions.True });

    /// <summary>What comes by itself, or what keeps it from coming, for a build that waits for a first builder.</summary>
    public static string Prospect(BuildSnapshot snapshot, IEnumerable<string> platforms)
    {
        if (snapshot.Pool is not { } pool) return "";
        if (Stall(pool) is { } stalled) return $" The pool is stalled: {stalled.Message}";
        return pool.Spec.Platforms.Any(platform => platforms.Contains(platform.Platform) && platform.Replicas is { Min: 0 }) ? " Builders are being started." : "";
    }

    /// <summary>Whose builders are there, or come when a build asks: what stalls the pool may be another platform's, and the queue tells of it anyway.</summary>
    private static HashSet<string> AblePlatforms(V1Alpha1BuilderPool pool) =>
        [.. (pool.Status?.Platforms ?? []).Where(platform => platform.Ready > 0).Select(platform => platform.Platform),
            .. pool.Spec.Platforms.Where(platform => platform is { Replicas.Min: 0 } or { Endpoints: not null }).Select(platform => platform.Platform)];
}
