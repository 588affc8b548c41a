using System.Text.RegularExpressions;
using k8s.Models;
using Slipway.Api;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>
/// Why a builder's pod does not get ready, in words that do not change from one look to the next: the kubelet's own alternate while it
/// tries again, and hold counts and times.
/// </summary>
internal sealed partial record PodTrouble(int Severity, string Reason, string Message)
{
    private const int PullSeverity = 0;
    private const int CrashSeverity = 1;
    private const int UnschedulableSeverity = 2;
    private const int LowDiskSeverity = 3;

    /// <summary>One restart can be chance; the state alternates between Running, Terminated and Waiting.</summary>
    private const int RestartsOfACrash = 2;

    private static readonly string[] CreateReasons = ["CreateContainerError", "CreateContainerConfigError"];
    private static readonly string[] StartReasons = ["CrashLoopBackOff", "RunContainerError", .. CreateReasons];

    /// <summary>Given where it may pass by itself.</summary>
    public DateTimeOffset? Since { get; private init; }

    public static PodTrouble? Of(V1Pod pod) => ImagePull(pod) ?? LowDisk(pod) ?? Crash(pod) ?? Emulation(pod) ?? Unschedulable(pod);

    /// <summary>What the preflight container saw on the node that keeps a rootless builder from starting, and what to change there.</summary>
    public static string? OfNode(V1Pod pod) => BuilderFacts.From(pod) switch
    {
        { MaxUserNamespaces: 0 } => $"Node {pod.Spec?.NodeName} allows no user namespaces: set its sysctl user.max_user_namespaces above 0.",
        { ApparmorRestrictsUserNamespaces: true } => $"Node {pod.Spec?.NodeName} restricts user namespaces: set its sysctl kernel.apparmor_restrict_unprivileged_userns to 0.",
        _ => null,
    };

    private static PodTrouble? ImagePull(V1Pod pod)
    {
        if (Statuses(pod).FirstOrDefault(status => Kube.ImagePull.Failed(status.State?.Waiting?.Reason)) is not { } failed) return null;
        return new PodTrouble(
            PullSeverity, Reasons.BuilderImagePullFailed,
            $"Container {failed.Name} of pod {pod.Metadata.Name}: image {ImageOf(pod, failed)} cannot be pulled on node "
            + $"{pod.Spec?.NodeName}. Check the pool's image and that the node may pull it: {Describe(pod)}.");
    }

    private static PodTrouble? Crash(V1Pod pod)
    {
        var crashed = Statuses(pod).FirstOrDefault(status => StartReasons.Contains(status.State?.Waiting?.Reason)
            || (status.Ready != true && status.RestartCount >= RestartsOfACrash));
        if (crashed is null) return null;
        return new PodTrouble(
            CrashSeverity, Reasons.BuilderCrashing,
            $"Container {crashed.Name} of pod {pod.Metadata.Name} does not stay up on node {pod.Spec?.NodeName}. "
            + Hint(pod, crashed));
    }

    /// <summary>From what the container left and from what its preflight saw; the text itself is not repeated, it may hold anything.</summary>
    private static string Hint(V1Pod pod, V1ContainerStatus crashed)
    {
        var end = crashed.LastState?.Terminated ?? crashed.State?.Terminated;
        var text = end?.Message ?? "";
        if (CreateReasons.Contains(crashed.State?.Waiting?.Reason)) return $"It could not be created: {Describe(pod)}.";
        if (end?.Reason == "OOMKilled") return "It ran out of memory: raise resources.limits.memory of the platform.";
        // Before the texts: with such a node they name what failed, not why.
        if (OfNode(pod) is { } node) return node;
        if (Has(text, "no space left on device") && Has(text, "/proc/self/exe"))
            return "The node allows no more user namespaces: raise the sysctl user.max_user_namespaces.";
        if (Has(text, "newuidmap") || Has(text, "newgidmap"))
            return "It may not map users: the image's newuidmap and newgidmap need the setuid bit or file capabilities, "
                + "and no policy may forbid privilege escalation.";
        if (Has(text, "failed to share mount point"))
            return "It may not mount: seccomp and AppArmor must be unconfined for the container buildkitd.";
        return $"Its last words: kubectl -n {pod.Metadata.NamespaceProperty} logs {pod.Metadata.Name} -c {crashed.Name} --previous.";
    }

    /// <summary>Seen once, when the pod starts: a node that has been mended needs another pod to show it.</summary>
    private static PodTrouble? Emulation(V1Pod pod)
    {
        if (BuilderFacts.From(pod)?.Emulates != false) return null;
        var architecture = pod.Metadata.Labels[SlipwayApi.PlatformLabel].Split('-')[1];
        return new PodTrouble(
            CrashSeverity, Reasons.BuilderCannotEmulate,
            $"Node {pod.Spec?.NodeName} of pod {pod.Metadata.Name} runs no programs for {architecture}. Register QEMU for {architecture} on the node, "
            + "e.g. with tonistiigi/binfmt, and delete the pod; or use an image with buildkit-qemu-*, or mode: Native.");
    }

    private static PodTrouble? LowDisk(V1Pod pod)
    {
        if (!Builder.From(pod, "").LowDisk) return null;
        var remedy = (pod.Spec?.Volumes ?? []).Any(volume => volume.Name == PoolObjects.Volume && volume.EmptyDir is not null)
            ? $"Make room on node {pod.Spec?.NodeName}, or give the platform storage"
            : "Raise storage.size of the platform";
        return new PodTrouble(
            LowDiskSeverity, Reasons.BuilderLowDisk,
            $"Pod {pod.Metadata.Name} takes no builds: less than 5 % of its storage or of its inodes is free. {remedy}. To look: "
            + $"kubectl -n {pod.Metadata.NamespaceProperty} exec {pod.Metadata.Name} -c {DiskWatch.ContainerName} -- df {BuilderPaths.State}.")
        {
            // buildkitd collects its garbage after builds.
            Since = Moment(pod.Status.Conditions?.FirstOrDefault(condition => condition.Type == "Ready")?.LastTransitionTime),
        };
    }

    private static PodTrouble? Unschedulable(V1Pod pod)
    {
        var condition = pod.Status?.Conditions?.FirstOrDefault(condition =>
            condition is { Type: "PodScheduled", Status: Conditions.False, Reason: "Unschedulable" });
        if (condition is null) return null;
        return new PodTrouble(
            UnschedulableSeverity, Reasons.BuilderUnschedulable,
            $"No node takes pod {pod.Metadata.Name}: {Causes(condition.Message)}. "
            + "Check node labels and taints, free CPU and memory, and the storage class.")
        {
            Since = Moment(condition.LastTransitionTime),
        };
    }

    /// <summary>
    /// The scheduler's "0/5 nodes are available: 3 Insufficient cpu, 2 node(s) had taint {a: b}, that the pod didn't tolerate.
    /// preemption: ..." without what ticks as nodes come and go: the counts and their order.
    /// </summary>
    internal static string Causes(string? message)
    {
        if (string.IsNullOrWhiteSpace(message)) return "the scheduler gives no cause";
        var causes = Available().Replace(message, "");
        causes = Sentence().Match(causes).Value;
        return string.Join(", ", Count().Split(causes).Select(cause => cause.Trim(' ', ',', '.'))
            .Where(cause => cause.Length > 0).Distinct().Order(StringComparer.Ordinal));
    }

    private static DateTimeOffset Moment(DateTime? time) =>
        time is { } given ? new DateTimeOffset(DateTime.SpecifyKind(given, DateTimeKind.Utc)) : DateTimeOffset.UnixEpoch;

    private static IEnumerable<V1ContainerStatus> Statuses(V1Pod pod) =>
        (pod.Status?.InitContainerStatuses ?? []).Concat(pod.Status?.ContainerStatuses ?? []);

    private static string ImageOf(V1Pod pod, V1ContainerStatus status) =>
        (pod.Spec?.InitContainers ?? []).Concat(pod.Spec?.Containers ?? [])
            .FirstOrDefault(container => container.Name == status.Name)?.Image ?? status.Image;

    private static string Describe(V1Pod pod) => $"kubectl -n {pod.Metadata.NamespaceProperty} describe pod {pod.Metadata.Name}";

    private static bool Has(string text, string part) => text.Contains(part, StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex("^[0-9]+/[0-9]+ nodes are available: ")]
    private static partial Regex Available();

    [GeneratedRegex("^.*?(?=\\. |$)", RegexOptions.Singleline)]
    private static partial Regex Sentence();

    [GeneratedRegex("(?:^|, )[0-9]+ ")]
    private static partial Regex Count();
}
