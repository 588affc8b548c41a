using System.Globalization;
using k8s.Models;
using Slipway.Api;

namespace Slipway.Scheduling;

/// <summary>One buildkitd of a pool, as its own pod describes it.</summary>
internal sealed record Builder
{
    /// <summary>Where buildkitd listens.</summary>
    public const int Port = 1234;

    public required string Name { get; init; }

    /// <summary>The same name may come back as another pod with a cold cache.</summary>
    public required string Uid { get; init; }

    public required int Ordinal { get; init; }

    /// <summary>Null until the pod has one.</summary>
    public string? Ip { get; init; }

    /// <summary>The name that its certificate carries.</summary>
    public required string ServerName { get; init; }

    /// <summary>Takes builds: ready and not on its way out.</summary>
    public required bool Ready { get; init; }

    public required bool Draining { get; init; }

    /// <summary>As the pod's preflight container reported it; null before that.</summary>
    public string? Version { get; init; }

    public static Builder From(V1Pod pod, string service)
    {
        var draining = pod.Metadata.DeletionTimestamp is not null;
        return new Builder
        {
            Name = pod.Metadata.Name,
            Uid = pod.Metadata.Uid,
            Ordinal = OrdinalOf(pod.Metadata.Name),
            Ip = pod.Status?.PodIP,
            ServerName = ChildNames.BuilderServerName(pod.Metadata.Name, service, pod.Metadata.NamespaceProperty),
            Draining = draining,
            Ready = !draining && !string.IsNullOrEmpty(pod.Status?.PodIP)
                && (pod.Status.Conditions?.Any(condition => condition.Type == "Ready" && condition.Status == "True") ?? false),
            Version = BuilderFacts.From(pod)?.Version,
        };
    }

    private static int OrdinalOf(string pod) =>
        int.TryParse(pod.AsSpan(pod.LastIndexOf('-') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) ? ordinal : int.MaxValue;
}
