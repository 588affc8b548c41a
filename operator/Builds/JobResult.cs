using k8s.Models;
using Slipway.Api;
using Slipway.JobPods;
using Slipway.Kube;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>
/// What a Job has to say: the result that its pod left, or, where there will never be one, why. Null means wait.
/// </summary>
internal sealed class JobResult(BuildOptions options, DateTimeOffset now)
{
    /// <summary>How far a store may lag behind what we know to have happened.</summary>
    public static readonly TimeSpan StoreLag = TimeSpan.FromSeconds(30);

    public RunResult? Of(BuildJob job)
    {
        var wanted = job.Role switch
        {
            JobRoles.Prepare => ResultKind.Commit,
            JobRoles.Build => ResultKind.Pushed,
            _ => ResultKind.Published,
        };
        foreach (var pod in job.Pods)
        {
            if (Reported(pod, wanted) is { } result) return result;
        }

        var failure = job.NodeLost ? NodeLost(job.Pods) : job.Pods.Count == 0 ? WithoutPod(job) : OfPod(Newest(job.Pods));
        return failure is null ? null : new RunResult { Failure = failure };
    }

    /// <summary>When waiting turns into giving up, unless something happens before; null where only events matter.</summary>
    public static DateTimeOffset? GivesUpAt(BuildJob job, BuildOptions options)
    {
        if (job.Pods.Count == 0) return (job.FinishedAt + StoreLag) ?? (job.Created + options.UnschedulableAfter);
        var pod = Newest(job.Pods);
        if (Overdue(pod) is { } overdue) return overdue;
        if (Waiting(pod) is not null) return ScheduledAt(pod) + options.NotStartedAfter;
        return Unschedulable(pod) is { } since ? since + options.UnschedulableAfter : null;
    }

    private static RunResult? Reported(V1Pod pod, ResultKind wanted) =>
        RunnerResult.Of(pod, JobContainers.Runner) is { } result && ResultCheck.IsSound(result, wanted) ? result : null;

    private RunFailure? OfPod(V1Pod pod)
    {
        if (Terminated(pod) is { Reason: "StartError" or "ContainerCannotRun" } unstarted) return NotStarted(unstarted.Reason, pod);
        // The pod's own reason says more than the exit code of a container that was killed for it.
        if (pod.Status?.Reason is "DeadlineExceeded" or "Evicted") return LostPod(pod);
        if (Terminated(pod) is { } ended) return EndedSilently(ended);
        if (pod.Status?.Phase is "Failed" or "Succeeded") return LostPod(pod);
        if (now >= Overdue(pod)) return LostPod(pod);
        if (Waiting(pod) is { } waiting && now >= ScheduledAt(pod) + options.NotStartedAfter) return NotStarted(waiting.Reason, pod);
        if (Unschedulable(pod) is { } since && now >= since + options.UnschedulableAfter) return NoNode(pod);
        return null;
    }

    private static RunFailure EndedSilently(V1ContainerStateTerminated ended) => ended.Reason switch
    {
        "OOMKilled" => Failures.Of(FailureClass.Infrastructure, FailureReasons.OutOfMemory,
            "The Job's container ran out of memory. Raise spec.job.resources.limits.memory.", ended.ExitCode),
        _ => Failures.Of(FailureClass.Infrastructure, Reasons.RunnerLost,
            $"The Job's container ended with exit code {ended.ExitCode} and left no result; its log may say why.", ended.ExitCode),
    };

    private static RunFailure LostPod(V1Pod pod) => pod.Status.Reason switch
    {
        "DeadlineExceeded" when Role(pod) is (JobRoles.Prepare or JobRoles.Publish) and var role => Failures.Of(FailureClass.Timeout, Reasons.TimedOut,
            $"The {role} Job was stopped after {pod.Spec.ActiveDeadlineSeconds} s: the git host or the registry did not answer in time. Set spec.rerun to a new value to build again."),
        "DeadlineExceeded" => Failures.Of(FailureClass.Timeout, Reasons.TimedOut,
            "The build took longer than spec.timeout and its pod was stopped. Raise spec.timeout or make the build shorter."),
        "Evicted" => Failures.Of(FailureClass.Infrastructure, Reasons.RunnerLost,
            $"The Job's pod was evicted from its node: {pod.Status.Message?.Trim() ?? "its kubelet does not say why."} Set spec.rerun to a new value to build again."),
        _ => Failures.Of(FailureClass.Infrastructure, Reasons.RunnerLost,
            "The Job's pod ended and left no result. Set spec.rerun to a new value to build again."),
    };

    /// <summary>That of the newest pod that had one: another may wait for its own.</summary>
    private static RunFailure NodeLost(IEnumerable<V1Pod> pods) => Failures.Of(FailureClass.Infrastructure, Reasons.NodeLost,
        $"The node {pods.OrderByDescending(CreatedAt).Select(pod => pod.Spec?.NodeName).FirstOrDefault(node => !string.IsNullOrEmpty(node))} of the Job's pod does not answer any more.");

    private static RunFailure NotStarted(string reason, V1Pod pod)
    {
        var image = pod.Spec.Containers[0].Image;
        return ImagePull.Failed(reason)
            ? Failures.Of(FailureClass.Config, Reasons.RunnerImagePullFailed,
                $"The node cannot pull the Job's image {image}. Check the operator's option --runner-image and the node's access to that registry.")
            : Failures.Of(FailureClass.Config, Reasons.RunnerNotStarted,
                $"The Job's container cannot start ({reason}). {EventsOf(pod.Metadata)} says why.");
    }

    private RunFailure NoNode(V1Pod pod) => Failures.Of(FailureClass.Config, Reasons.RunnerUnschedulable,
        $"No node took the Job's pod within {GoDuration.Format(options.UnschedulableAfter)}. Check spec.job (nodeSelector, tolerations, resources) against the nodes: "
        + $"{EventsOf(pod.Metadata)} says what did not fit.");

    private RunFailure? WithoutPod(BuildJob job)
    {
        if (job.FinishedAt is { } finished)
            return now < finished + StoreLag ? null : Failures.Of(FailureClass.Infrastructure, Reasons.RunnerLost,
                "The Job ended and its pod is gone before its result was read. Set spec.rerun to a new value to build again.");
        // It had one, which somebody has deleted without grace: the Job controller starts another, or says that the Job has failed.
        if (job.Job.Status?.Active > 0) return null;
        // A quota that is full is one that others may leave, and a controller that is not there comes back.
        return now < job.Created + options.UnschedulableAfter ? null : Failures.Of(FailureClass.Config, Reasons.RunnerRefused,
            $"The Job's pod could not be created within {GoDuration.Format(options.UnschedulableAfter)} (a quota, an admission rule or a missing ServiceAccount). "
            + $"{EventsOf(job.Job.Metadata)} says why.");
    }

    /// <summary>How writing the cache ended; null as long as it has not, and where nobody was to write one.</summary>
    public static CacheExportResult? ExportOf(BuildJob job) => job.Pods.Select(ExportOf).FirstOrDefault(export => export is not null);

    private static CacheExportResult? ExportOf(V1Pod pod)
    {
        if (RunnerResult.Of(pod, JobContainers.Cache)?.CacheExport is { } export && ResultCheck.IsSound(export)) return export;
        if (JobContainers.EndOf(pod, JobContainers.Cache) is { } ended) return NotWritten($"its container ended with exit code {ended.ExitCode} ({ended.Reason}) and left no result.");
        // Its time was over, or its node wanted it gone.
        var wasThere = pod.Spec?.Containers?.Any(container => container.Name == JobContainers.Cache) is true;
        return wasThere && pod.Status?.Phase == "Failed" && Terminated(pod) is { ExitCode: 0 } ? NotWritten($"the pod was ended before ({pod.Status.Reason}).") : null;
    }

    private static CacheExportResult NotWritten(string why) => new() { Problem = new CacheProblem(CacheProblemKind.NotWritten, $"The build's cache was not written: {why}") };

    private static V1ContainerStateTerminated? Terminated(V1Pod pod) => JobContainers.EndOf(pod, JobContainers.Runner);

    /// <summary>ContainerCreating is ordinary, however long an image takes.</summary>
    private static V1ContainerStateWaiting? Waiting(V1Pod pod) =>
        JobContainers.StatusOf(pod, JobContainers.Runner)?.State?.Waiting is { Reason: not (null or "" or "ContainerCreating" or "PodInitializing") } waiting ? waiting : null;

    private static DateTimeOffset? Unschedulable(V1Pod pod) =>
        pod.Status?.Conditions?.FirstOrDefault(condition => condition is { Type: "PodScheduled", Status: "False", Reason: "Unschedulable" }) is not null
            ? CreatedAt(pod)
            : null;

    /// <summary>No node is asked to pull anything before the pod has one, and new nodes take minutes to come.</summary>
    private static DateTimeOffset ScheduledAt(V1Pod pod) =>
        pod.Status?.Conditions?.FirstOrDefault(condition => condition is { Type: "PodScheduled", Status: "True" })?.LastTransitionTime is { } scheduled
            ? new(scheduled.ToUniversalTime())
            : CreatedAt(pod);

    /// <summary>A pod that was told to end ends within its grace, which the time of its deletion holds already; else its kubelet is not there.</summary>
    private static DateTimeOffset? Overdue(V1Pod pod) =>
        pod.Metadata.DeletionTimestamp is { } end ? new DateTimeOffset(end.ToUniversalTime()) + StoreLag : null;

    private static string? Role(V1Pod pod) => pod.Metadata.Labels is { } labels && labels.TryGetValue(SlipwayApi.RoleLabel, out var role) ? role : null;

    /// <summary>Jobs and pods that never started are deleted with the failure; what was said of them stays for an hour.</summary>
    private static string EventsOf(V1ObjectMeta metadata) =>
        $"kubectl get events -n {metadata.NamespaceProperty} --field-selector involvedObject.name={metadata.Name}";

    private static DateTimeOffset CreatedAt(V1Pod pod) => new((pod.Metadata.CreationTimestamp ?? default).ToUniversalTime());

    private static V1Pod Newest(IReadOnlyList<V1Pod> pods) => pods.MaxBy(CreatedAt)!;
}
