using System.Text.Json.Serialization;
using k8s;
using k8s.Models;

namespace Slipway.Api;

/// <summary>A farm of rootless BuildKit builders, one StatefulSet for each platform.</summary>
[KubernetesEntity(Group = SlipwayApi.Group, ApiVersion = SlipwayApi.Version, Kind = KindName, PluralName = "builderpools")]
internal sealed record V1Alpha1BuilderPool : IKubernetesObject<V1ObjectMeta>
{
    public const string KindName = "BuilderPool";

    public string ApiVersion { get; set; } = SlipwayApi.GroupVersion;

    public string Kind { get; set; } = KindName;

    public V1ObjectMeta Metadata { get; set; } = new();

    /// <summary>What the pool should be.</summary>
    public BuilderPoolSpec Spec { get; init; } = new();

    /// <summary>What the operator found; written by the operator alone.</summary>
    public BuilderPoolStatus? Status { get; init; }
}

internal sealed record BuilderPoolSpec
{
    /// <summary>The rootless BuildKit image of the builders. Default: the operator's option, moby/buildkit of a known good version.</summary>
    public string? Image { get; init; }

    /// <summary>What the pool builds for, each platform once.</summary>
    public IReadOnlyList<PoolPlatform> Platforms { get; init; } = [];

    /// <summary>How the pool follows its load.</summary>
    public PoolScaling? Scaling { get; init; }

    /// <summary>How the builders reach registries: mirrors, plain HTTP, private certificate authorities.</summary>
    public IReadOnlyList<PoolRegistry>? Registries { get; init; }

    /// <summary>The only gateway frontends (`# syntax=` images) that builds may use, as repositories without tag. Default: docker.io/docker/dockerfile.</summary>
    public IReadOnlyList<string>? Frontends { get; init; }

    /// <summary>Where build cache outlives a builder. Absent: cache lives on the builders alone.</summary>
    public PoolCache? Cache { get; init; }

    /// <summary>Whose builds this pool takes. All namespaces that a pool admits are one trust domain. Default: those of its own namespace.</summary>
    public AllowedNamespaces? AllowedNamespaces { get; init; }

    /// <summary>Who may connect to the builders, and where they may connect to.</summary>
    public PoolNetworkPolicy? NetworkPolicy { get; init; }
}

internal sealed record PoolScaling
{
    /// <summary>How long there are as many builders as the most that were wanted in this time. 10s to 24h. Default 10m.</summary>
    public string? IdleAfter { get; init; }
}

internal sealed record PoolNetworkPolicy
{
    /// <summary>Managed: the operator keeps a NetworkPolicy for the builders. None: it keeps none. Default Managed.</summary>
    public string? Mode { get; init; }

    /// <summary>What builders may reach although the policy would keep them from it, such as a metadata service.</summary>
    public IReadOnlyList<PoolEgress>? ExtraEgress { get; init; }
}

internal sealed record PoolEgress
{
    /// <summary>Addresses, such as 169.254.169.254/32.</summary>
    public string Cidr { get; init; } = "";

    /// <summary>TCP ports. Absent: all ports of every protocol.</summary>
    public IReadOnlyList<int>? Ports { get; init; }
}

internal sealed record PoolPlatform
{
    /// <summary>os/architecture[/variant], such as linux/arm64.</summary>
    public string Platform { get; init; } = "";

    /// <summary>Native: builders run only on nodes of that architecture. Emulated: on nodes of others, by QEMU, many times slower. Default Native.</summary>
    public string? Mode { get; init; }

    /// <summary>How many builders. Default: one, always.</summary>
    public PoolReplicas? Replicas { get; init; }

    /// <summary>Builders outside the cluster, in place of replicas.</summary>
    public IReadOnlyList<PoolEndpoint>? Endpoints { get; init; }

    /// <summary>How many builds one builder takes at once, 1 to 64. Default 2.</summary>
    public int? BuildsPerBuilder { get; init; }

    /// <summary>A volume for the builder's state. Its size may grow, all else is immutable. Absent: an emptyDir that goes with the pod.</summary>
    public PoolStorage? Storage { get; init; }

    /// <summary>CPU and memory of the buildkitd container; RUN steps count in it.</summary>
    public V1ResourceRequirements? Resources { get; init; }

    /// <summary>Labels that the builders' nodes must have, beside os and architecture.</summary>
    public IDictionary<string, string>? NodeSelector { get; init; }

    /// <summary>Taints that the builders put up with.</summary>
    public IReadOnlyList<V1Toleration>? Tolerations { get; init; }
}

internal sealed record PoolReplicas
{
    /// <summary>Builders at rest, 0 to 100.</summary>
    public int Min { get; init; } = 1;

    /// <summary>Builders at most, 1 to 100.</summary>
    public int Max { get; init; } = 1;
}

internal sealed record PoolEndpoint
{
    /// <summary>Where buildkitd listens, as tcp://host:port; host is also the name that its certificate carries.</summary>
    public string Address { get; init; } = "";

    /// <summary>A Secret with ca.crt, tls.crt and tls.key of a client, looked for in the namespace of the build.</summary>
    public LocalReference TlsSecretRef { get; init; } = new();
}

internal sealed record PoolStorage
{
    /// <summary>Size of the volume, such as 50Gi.</summary>
    public ResourceQuantity? Size { get; init; }

    /// <summary>Storage class of the volume. Absent: the cluster's default.</summary>
    public string? StorageClassName { get; init; }
}

internal sealed record PoolRegistry
{
    /// <summary>host[:port] as images name it; docker.io for Docker Hub.</summary>
    public string Host { get; init; } = "";

    /// <summary>host[:port][/path] asked before the host itself, in order.</summary>
    public IReadOnlyList<string>? Mirrors { get; init; }

    /// <summary>Speak HTTP without TLS to this host.</summary>
    [JsonPropertyName("plainHTTP")]
    public bool? PlainHttp { get; init; }

    /// <summary>Speak TLS to this host without verifying its certificate.</summary>
    public bool? InsecureSkipVerify { get; init; }

    /// <summary>PEM of the certificate authorities that this host is trusted by.</summary>
    public string? Ca { get; init; }
}

internal sealed record PoolCache
{
    /// <summary>Max: the result of every step is kept. Min: of those alone that are in the image. Default Max.</summary>
    public string? Mode { get; init; }

    /// <summary>How long a cache stays that no build uses any more; in a bucket, which knows only of writes, that none writes. 1h to 8760h. Default 336h.</summary>
    public string? Ttl { get; init; }

    /// <summary>When builds write the cache. Always; OnMiss: when a step was not in it, or half of its ttl has passed since it was written; Never. A build may want less for itself. Default Always.</summary>
    public string? Export { get; init; }

    /// <summary>Whose builds may write the cache; others only read it. Absent: every build that the pool takes.</summary>
    public AllowedNamespaces? ExportFrom { get; init; }

    /// <summary>Cache as images in a registry.</summary>
    public PoolRegistryCache? Registry { get; init; }

    /// <summary>Cache as objects in a bucket.</summary>
    public PoolS3Cache? S3 { get; init; }
}

internal sealed record PoolRegistryCache
{
    /// <summary>host/path of the one repository in which each cache has a tag: namespace, scope and platform with a hash. Clusters need different ones.</summary>
    public string Repository { get; init; } = "";

    /// <summary>A kubernetes.io/dockerconfigjson Secret, looked for in the namespace of the build, and in the pool's by the Job that makes the cache go. Absent there: the build runs without this cache, or nothing goes, and status says so.</summary>
    public LocalReference? CredentialsSecretRef { get; init; }
}

internal sealed record PoolS3Cache
{
    /// <summary>Name of the bucket, which has to be there.</summary>
    public string Bucket { get; init; } = "";

    /// <summary>Region that requests are signed for; for servers other than Amazon's mostly us-east-1.</summary>
    public string Region { get; init; } = "";

    /// <summary>What the keys of all objects begin with, such as app/, ending in a slash. Pools that share a bucket need different ones. Default: nothing.</summary>
    public string? Prefix { get; init; }

    /// <summary>https:// or http:// address of a server other than Amazon's.</summary>
    [JsonPropertyName("endpointURL")]
    public string? EndpointUrl { get; init; }

    /// <summary>Ask for endpoint/bucket/key, not for bucket.endpoint/key: most servers other than Amazon's need it. Only with endpointURL.</summary>
    public bool? UsePathStyle { get; init; }

    /// <summary>A Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for a session, AWS_SESSION_TOKEN, looked for in the namespace of the build, and in the pool's by the Job that makes the cache go. Absent there: the build runs without this cache, or nothing goes, and status says so. Without this field the cloud identity of the Job's ServiceAccount is used.</summary>
    public LocalReference? CredentialsSecretRef { get; init; }

    /// <summary>ServiceAccount, in the pool's namespace, of the Job that makes the cache go when its time is over. Default: default.</summary>
    public string? ServiceAccountName { get; init; }
}

internal sealed record AllowedNamespaces
{
    /// <summary>Same: the pool's own namespace. All: every namespace. Selector: those that selector matches.</summary>
    public string? From { get; init; }

    /// <summary>Labels of the namespaces, with from: Selector.</summary>
    public V1LabelSelector? Selector { get; init; }
}

/// <summary>An object of the same namespace, by name.</summary>
internal sealed record LocalReference
{
    /// <summary>Its name.</summary>
    public string Name { get; init; } = "";
}

internal sealed record BuilderPoolStatus
{
    /// <summary>The generation that this status speaks of; -1 before anybody has looked.</summary>
    public long? ObservedGeneration { get; init; }

    /// <summary>Ready, Reconciling and Stalled, as kstatus reads them, CacheExpiryApplied and VersionVulnerable.</summary>
    public IReadOnlyList<V1Condition>? Conditions { get; init; }

    /// <summary>How each platform of the spec stands.</summary>
    public IReadOnlyList<PoolPlatformStatus>? Platforms { get; init; }

    /// <summary>Totals over the platforms, for the printer columns.</summary>
    public PoolSummary? Summary { get; init; }
}

internal sealed record PoolSummary
{
    /// <summary>Builders that take builds over builders that there should be, such as 3/4.</summary>
    public string? Builders { get; init; }

    /// <summary>How many builds run.</summary>
    public int? Building { get; init; }

    /// <summary>How many builds wait for a builder.</summary>
    public int? Queued { get; init; }
}

internal sealed record PoolPlatformStatus
{
    /// <summary>os/architecture[/variant].</summary>
    public string Platform { get; init; } = "";

    /// <summary>Native or Emulated, as in the spec; External for builders outside the cluster.</summary>
    public string? Mode { get; init; }

    /// <summary>How many builders there should be.</summary>
    public int? Desired { get; init; }

    /// <summary>How many builders take builds.</summary>
    public int? Ready { get; init; }

    /// <summary>How many builds run on them.</summary>
    public int? Building { get; init; }

    /// <summary>How many builds wait for one.</summary>
    public int? Queued { get; init; }

    /// <summary>The builders, one by one.</summary>
    public IReadOnlyList<BuilderStatus>? Builders { get; init; }
}

internal sealed record BuilderStatus
{
    /// <summary>The builder's pod, or host:port of one outside the cluster.</summary>
    public string Name { get; init; } = "";

    /// <summary>Ready, Busy, Draining, NotReady or LowDisk.</summary>
    public string? State { get; init; }

    /// <summary>How many builds run on it.</summary>
    public int? Builds { get; init; }

    /// <summary>The BuildKit version that the builder itself reported.</summary>
    public string? Version { get; init; }
}
