using System.Globalization;
using k8s.Models;
using Slipway.Api;

namespace Slipway.Scheduling;

/// <summary>One buildkitd of a pool, as its own pod describes it, or as the pool's spec does where it runs outside the cluster.</summary>
internal sealed record Builder
{
    /// <summary>Where buildkitd listens.</summary>
    public const int Port = 1234;

    /// <summary>The container of its pod that is ready while the storage has room.</summary>
    public const string DiskContainer = "disk";

    public required string Name { get; init; }

    /// <summary>The same name may come back as another pod with a cold cache.</summary>
    public required string Uid { get; init; }

    public required int Ordinal { get; init; }

    /// <summary>tcp://host:port; null until the pod has an address.</summary>
    public string? Address { get; init; }

    /// <summary>Native, Emulated or External.</summary>
    public string Mode { get; init; } = BuilderModes.Native;

    /// <summary>The Secret of the build's namespace with the client certificate for it; null for builders whose pool has an authority.</summary>
    public string? ClientSecret { get; init; }

    /// <summary>Which authority signed its certificate, and so which clients it takes; null where the pod does not say.</summary>
    public string? Authority { get; init; }

    /// <summary>When its certificate ends; null where the pod does not say.</summary>
    public DateTimeOffset? CertificateExpires { get; init; }

    /// <summary>Its pod runs, but has no room left for another build.</summary>
    public bool LowDisk { get; init; }

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
            Address = pod.Status?.PodIP is { Length: > 0 } ip ? AddressOf(ip) : null,
            ServerName = ChildNames.BuilderServerName(pod.Metadata.Name, service, pod.Metadata.NamespaceProperty),
            Draining = draining,
            Ready = !draining && !string.IsNullOrEmpty(pod.Status?.PodIP)
                && (pod.Status.Conditions?.Any(condition => condition.Type == "Ready" && condition.Status == "True") ?? false),
            LowDisk = !draining && HasLowDisk(pod.Status?.ContainerStatuses ?? []),
            Version = BuilderFacts.From(pod)?.Version,
        };
    }

    /// <summary>Only where buildkitd is ready: otherwise the disk is not what it waits for.</summary>
    private static bool HasLowDisk(IList<V1ContainerStatus> containers) =>
        containers.Any(container => container is { Name: DiskContainer, Ready: false, State.Running: not null })
        && containers.All(container => container.Ready || container.Name == DiskContainer);

    /// <summary>An IPv6 address stands in brackets.</summary>
    private static string AddressOf(string ip) => $"tcp://{(ip.Contains(':', StringComparison.Ordinal) ? $"[{ip}]" : ip)}:{Port.ToString(CultureInfo.InvariantCulture)}";

    private static int OrdinalOf(string pod) =>
        int.TryParse(pod.AsSpan(pod.LastIndexOf('-') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) ? ordinal : int.MaxValue;
}

/// <summary>Where and how a builder runs, as status says it.</summary>
internal static class BuilderModes
{
    public const string Native = nameof(Native);
    public const string Emulated = nameof(Emulated);
    public const string External = nameof(External);
}
