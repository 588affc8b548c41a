using k8s.Models;

namespace Slipway.JobPods;

/// <summary>The containers of a Job's pod.</summary>
internal static class JobContainers
{
    /// <summary>Does what the Job is for: its end is the Job's result.</summary>
    public const string Runner = "runner";

    /// <summary>In Jobs that build: writes the cache once the image is pushed, and its end is nobody's concern.</summary>
    public const string Cache = "cache";

    /// <summary>Null as long as the pod does not show that container.</summary>
    public static V1ContainerStatus? StatusOf(V1Pod pod, string container) => pod.Status?.ContainerStatuses?.FirstOrDefault(status => status.Name == container);

    /// <summary>Null where it has not ended.</summary>
    public static V1ContainerStateTerminated? EndOf(V1Pod pod, string container) => StatusOf(pod, container)?.State?.Terminated;
}
