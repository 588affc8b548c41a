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

    /// <summary>A Job that is made now must still be able to connect once its pod runs.</summary>
    public static readonly TimeSpan CertificateMargin = TimeSpan.FromSeconds(30);

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

    /// <summary>The most builds at once where that is fewer than the pool's buildsPerBuilder.</summary>
    public int? Room { get; init; }

    /// <summary>As the pod's preflight container reported it; null before that.</summary>
    public string? Version { get; init; }

    /// <summary>Its certificate ends too soon for another build.</summary>
    public bool EndsBy(DateTimeOffset now) => CertificateExpires is { } end && now + CertificateMargin >= end;

    public static Builder From(V1Pod pod, string service)
    {
        var draining = pod.Metadata.DeletionTimestamp is not null;
        var facts = BuilderFacts.From(pod);
        return new Builder
        {
            Name = pod.Metadata.Name,
            Uid = pod.Metadata.Uid,
            Ordinal = OrdinalOf(pod.Metadata.Name),
            Address = pod.Status?.PodIP is { Length: > 0 } ip ? AddressOf(ip) : null,
            ServerName = ChildNames.BuilderServerName(pod.Metadata.Name, service, pod.Metadata.NamespaceProperty),
            Draining = draining,
            // Without its emulator every RUN step would fail, as if it were the user's fault.
            Ready = !draining && !string.IsNullOrEmpty(pod.Status?.PodIP) && facts?.Emulates != false
                && (pod.Status.Conditions?.Any(condition => condition.Type == "Ready" && condition.Status == "True") ?? false),
            LowDisk = !draining && HasLowDisk(pod.Status?.ContainerStatuses ?? []),
            Version = facts?.Version,
            Mode = Annotation(pod, SlipwayApi.ModeAnnotation) ?? BuilderModes.Native,
            Authority = Annotation(pod, SlipwayApi.CertificateAuthorityAnnotation),
            CertificateExpires = Time(Annotation(pod, SlipwayApi.CertificateExpiryAnnotation)),
        };
    }

    /// <summary>Only where buildkitd is ready: otherwise the disk is not what it waits for.</summary>
    private static bool HasLowDisk(IList<V1ContainerStatus> containers) =>
        containers.Any(container => container is { Name: DiskContainer, Ready: false, State.Running: not null })
        && containers.All(container => container.Ready || container.Name == DiskContainer);

    private static string? Annotation(V1Pod pod, string name) => pod.Metadata.Annotations is { } all && all.TryGetValue(name, out var value) ? value : null;

    private static DateTimeOffset? Time(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;

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
