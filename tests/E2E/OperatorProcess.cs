using k8s.Models;
using Slipway.Tests.E2E.Faults;

namespace Slipway.Tests.E2E;

/// <summary>The operator's process on this machine: never by name alone.</summary>
internal static class OperatorProcess
{
    public static IReadOnlyList<int> Of(V1Pod pod) => PodProcesses.Of(pod, "/opt/slipway/slipway\0operator");

    public static int Find(V1Pod pod) =>
        Of(pod) is [var id, ..] ? id : throw new InvalidOperationException($"No process of pod {pod.Metadata.Name} runs on this machine.");
}
