using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube.Client;

namespace Slipway.Tests;

/// <summary>
/// What kstatus has to say of a build or a pool, told from what the object says of itself beside its conditions (docs/status.md): the
/// one place that holds every status of every suite to it.
/// </summary>
internal static class StatusContract
{
    /// <summary>What is wrong with versions of objects of one kind, each object's in the order in which they were written.</summary>
    public static IReadOnlyList<string> Problems<T>(IEnumerable<T> versions)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var before = new Dictionary<string, T>();
        var problems = new List<string>();
        foreach (var version in versions)
        {
            if (Problem(before.GetValueOrDefault(version.Metadata.Uid), version) is { } problem) problems.Add(problem);
            before[version.Metadata.Uid] = version;
        }

        return problems;
    }

    /// <summary>What is wrong with a version after that one, which is null for an object's first; null where nothing is.</summary>
    public static string? Problem<T>(T? before, T now)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var told = Of(now);
        var wrong = Expected(now) is var expected && !expected.Contains(told) ? $"has to be {string.Join(" or ", expected)}"
            : now is V1Alpha1ImageBuild build ? WrongEnd(told, before as V1Alpha1ImageBuild, build) : null;
        return wrong is null ? null : $"{now.Kind} {now.Metadata.NamespaceProperty}/{now.Metadata.Name} reads as {told} and {wrong}: {Node(now)["status"]?.ToJsonString() ?? "no status"}";
    }

    /// <summary>Nobody may take an image that is not there, or loses it again.</summary>
    private static string? WrongEnd(Kstatus told, V1Alpha1ImageBuild? before, V1Alpha1ImageBuild now)
    {
        if (told == Kstatus.Current && now.Status is not { CompletedAt: not null, IndexDigest: not null }) return "has no image";
        // Without a status it is no object of a server: that would have said -1.
        var ended = before?.Status is not null && before.Metadata.Generation == now.Metadata.Generation && Of(before) == Kstatus.Current;
        return ended && told is not (Kstatus.Current or Kstatus.Terminating) ? "was Current before, for the same generation" : null;
    }

    private static Kstatus[] Expected(IKubernetesObject<V1ObjectMeta> entity)
    {
        if (entity.Metadata.DeletionTimestamp is not null) return [Kstatus.Terminating];
        // Nobody has looked at it as it is now.
        if (Observed(entity) != entity.Metadata.Generation) return [Kstatus.InProgress];
        return entity switch
        {
            V1Alpha1ImageBuild build => OfPhase(build.Status?.Phase),
            V1Alpha1BuilderPool pool => OfReason(pool.Status?.Conditions?.FirstOrDefault(condition => condition.Type == "Ready")?.Reason),
            _ => throw new NotSupportedException(entity.Kind),
        };
    }

    private static long? Observed(IKubernetesObject<V1ObjectMeta> entity) => entity switch
    {
        V1Alpha1ImageBuild build => build.Status?.ObservedGeneration,
        V1Alpha1BuilderPool pool => pool.Status?.ObservedGeneration,
        _ => throw new NotSupportedException(entity.Kind),
    };

    // Spelled out, not taken from the operator's own constants: these are what users rely on.
    private static Kstatus[] OfPhase(string? phase) => phase switch
    {
        "Succeeded" => [Kstatus.Current],
        "Failed" or "Cancelled" or "Superseded" => [Kstatus.Failed],
        _ => [Kstatus.InProgress],
    };

    private static Kstatus[] OfReason(string? reason) => reason switch
    {
        "AllBuildersReady" => [Kstatus.Current],
        null or "EndpointsUnreachable" or "BuildersStarting" or "LeftoversGoing" or "ApiServerUnknown" => [Kstatus.InProgress],
        // The first ten minutes are the autoscaler's, or buildkitd's own.
        "BuilderUnschedulable" or "BuilderLowDisk" => [Kstatus.InProgress, Kstatus.Failed],
        _ => [Kstatus.Failed],
    };

    private static Kstatus Of<T>(T entity) where T : class, IKubernetesObject<V1ObjectMeta> => KstatusRules.Of(Node(entity));

    private static JsonObject Node<T>(T entity) where T : class, IKubernetesObject<V1ObjectMeta> => (JsonObject)KubeJson.ToNode(entity);
}
