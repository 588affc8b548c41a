using System.Text.Json.Nodes;
using k8s;
using k8s.Models;

namespace Slipway.Kube.Leadership;

/// <summary>
/// coordination.k8s.io/v1 Lease. A model of our own: its times are text. Nobody here computes with another machine's clock, and the
/// client library writes a whole second without the fraction that the API server insists on.
/// </summary>
[KubernetesEntity(Group = "coordination.k8s.io", ApiVersion = "v1", Kind = "Lease", PluralName = "leases")]
internal sealed record Lease : IKubernetesObject<V1ObjectMeta>
{
    public string ApiVersion { get; set; } = "coordination.k8s.io/v1";

    public string Kind { get; set; } = "Lease";

    public V1ObjectMeta Metadata { get; set; } = new();

    public LeaseSpec? Spec { get; init; }

    /// <summary>Nobody has it: it was never taken, or it was given back.</summary>
    public bool IsFree => string.IsNullOrEmpty(Spec?.HolderIdentity);
}

internal sealed record LeaseSpec
{
    public string? HolderIdentity { get; init; }

    public int? LeaseDurationSeconds { get; init; }

    public string? AcquireTime { get; init; }

    public string? RenewTime { get; init; }

    public int? LeaseTransitions { get; init; }

    /// <summary>As metav1.MicroTime: six digits after the second, whatever they are.</summary>
    public static string MicroTime(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>A merge patch of the spec, refused where the Lease has changed since.</summary>
    public static JsonObject Patch(string? resourceVersion, JsonObject spec) => new()
    {
        ["metadata"] = new JsonObject { ["resourceVersion"] = resourceVersion },
        ["spec"] = spec,
    };
}
