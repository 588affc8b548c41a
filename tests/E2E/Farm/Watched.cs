using System.Globalization;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube.Client;

namespace Slipway.Tests.E2E.Farm;

/// <summary>A build Job as the API server's watch tells it: it is live, and holds a slot of its builder, from its first version until it has ended or is gone.</summary>
internal sealed record JobLife(V1Job Job, long Created, long? Ended)
{
    public string Name => Job.Metadata.Name;

    public string Build => Job.Metadata.OwnerReferences[0].Name;

    public string Builder => Job.Metadata.Labels[SlipwayApi.BuilderLabel];

    public string BuilderUid => Job.Metadata.Annotations[SlipwayApi.BuilderUidAnnotation];

    public bool Succeeded => Job.Status?.Conditions?.Any(condition => condition.Type == "Complete" && condition.Status == "True") ?? false;

    public bool IsLiveAt(long revision) => Created < revision && (Ended ?? long.MaxValue) > revision;
}

/// <summary>A builder's pod as the API server's watch tells it.</summary>
internal sealed record PodLife(V1Pod Pod, long Created, long? Ready, long? DeletionAsked, long? Gone)
{
    public string Uid => Pod.Metadata.Uid;
}

/// <summary>What follows from recordings, and their lines for people.</summary>
internal static class Watched
{
    public static IReadOnlyList<JobLife> Lives(this Recording<V1Job> jobs) =>
        [.. Histories(jobs).Where(versions => versions[0].Object.Metadata.Labels.ContainsKey(SlipwayApi.BuilderLabel))
            .Select(versions => new JobLife(
                versions[^1].Object, versions[0].Revision, versions.FirstOrDefault(seen => seen.Kind == WatchEventKind.Deleted || HasEnded(seen.Object))?.Revision))];

    public static IReadOnlyList<PodLife> Lives(this Recording<V1Pod> pods) =>
        [.. Histories(pods).Select(versions => new PodLife(
            versions[^1].Object,
            versions[0].Revision,
            versions.FirstOrDefault(seen => IsReady(seen.Object))?.Revision,
            versions.FirstOrDefault(seen => seen.Object.Metadata.DeletionTimestamp is not null)?.Revision,
            versions.FirstOrDefault(seen => seen.Kind == WatchEventKind.Deleted)?.Revision))];

    /// <summary>The most Jobs that were live on one builder at one time.</summary>
    public static int MostAtOnce(this IEnumerable<JobLife> lives) => lives.GroupBy(life => life.BuilderUid)
        .Max(builder => builder.Max(life => builder.Count(other => other == life || other.IsLiveAt(life.Created))));

    /// <summary>The first version after that one in which the node's condition Ready is True, False or Unknown.</summary>
    public static async Task<Seen<V1Node>> ReadyAsync(this Recording<V1Node> nodes, string name, string status, long after)
    {
        Seen<V1Node>? Look() => nodes.Seen.FirstOrDefault(seen => seen.Revision > after && seen.Object.Metadata.Name == name
            && seen.Object.Status.Conditions.Any(condition => condition.Type == "Ready" && condition.Status == status));
        return (await Wait.UntilAsync($"{name} is Ready={status}", TimeSpan.FromMinutes(2), () => Task.FromResult(Look()), seen => seen is not null))!;
    }

    /// <summary>A line whenever something of interest is another than before.</summary>
    public static IEnumerable<string> Lines(this Recording<V1Job> jobs) => Lines(jobs, job => job.Metadata.Labels.TryGetValue(SlipwayApi.BuilderLabel, out var builder)
        ? $"Job {job.Metadata.Name} on {builder} ({UidOf(job)}): {(job.Status?.Conditions?.FirstOrDefault(condition => condition.Status == "True")?.Type ?? "live")}"
        : null);

    public static IEnumerable<string> Lines(this Recording<V1Pod> pods) => Lines(pods, pod =>
        $"Pod {pod.Metadata.Name} ({pod.Metadata.Uid[..8]}) on {pod.Spec.NodeName ?? "no node"}: {(IsReady(pod) ? "Ready" : "not Ready")}, image {pod.Spec.Containers[0].Image}"
        + (pod.Metadata.DeletionTimestamp is { } deletion ? string.Create(CultureInfo.InvariantCulture, $", deletionTimestamp {deletion:O}, grace {pod.Metadata.DeletionGracePeriodSeconds} s") : ""));

    public static IEnumerable<string> Lines(this Recording<V1StatefulSet> sets) => Lines(sets, set => $"StatefulSet {set.Metadata.Name}: spec.replicas {set.Spec.Replicas}");

    public static IEnumerable<string> Lines(this Recording<V1Node> nodes, string name) => Lines(nodes, node => node.Metadata.Name != name ? null
        : $"Node {name}: {string.Join(' ', node.Status.Conditions.Where(condition => condition.Type == "Ready").Select(ready => $"Ready={ready.Status} {ready.Reason} ({ready.Message})"))}"
            + $", unschedulable {node.Spec.Unschedulable ?? false}, taints [{string.Join(", ", (node.Spec.Taints ?? []).Select(taint => $"{taint.Key}:{taint.Effect}"))}]");

    public static bool IsReady(V1Pod pod) => pod.Metadata.DeletionTimestamp is null
        && (pod.Status?.Conditions?.Any(condition => condition.Type == "Ready" && condition.Status == "True") ?? false);

    private static string UidOf(V1Job job) => job.Metadata.Annotations[SlipwayApi.BuilderUidAnnotation][..8];

    private static bool HasEnded(V1Job job) => job.Status?.Conditions?.Any(condition => condition.Type is "Complete" or "Failed" && condition.Status == "True") ?? false;

    private static IEnumerable<IReadOnlyList<Seen<T>>> Histories<T>(Recording<T> recording)
        where T : class, k8s.IKubernetesObject<V1ObjectMeta> =>
        recording.Seen.GroupBy(seen => seen.Object.Metadata.Uid).Select(versions => (IReadOnlyList<Seen<T>>)[.. versions]);

    private static IEnumerable<string> Lines<T>(Recording<T> recording, Func<T, string?> describe)
        where T : class, k8s.IKubernetesObject<V1ObjectMeta>
    {
        var last = new Dictionary<string, string>();
        foreach (var seen in recording.Seen)
        {
            if (describe(seen.Object) is not { } described) continue;
            var line = seen.Kind == WatchEventKind.Deleted ? $"{described}, gone" : described;
            if (last.TryGetValue(seen.Object.Metadata.Uid, out var before) && before == line) continue;
            last[seen.Object.Metadata.Uid] = line;
            yield return string.Create(CultureInfo.InvariantCulture, $"{seen.At:HH:mm:ss.fff} revision {seen.Revision}: {line}");
        }
    }
}
