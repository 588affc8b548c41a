using System.Globalization;
using System.Text.Json;
using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube.Writing;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>
/// The objects of one platform of a pool, as bodies for server-side apply: only fields that Slipway means to own, no status, no nulls,
/// none of the API server's defaults.
/// </summary>
internal static class PoolObjects
{
    public const string Container = "buildkitd";
    public const string Volume = "state";
    private const string ConfigVolume = "config";
    private const string CertificateVolume = "certs";
    private const string PortName = "buildkit";
    private const string DefaultFrontend = "docker.io/docker/dockerfile";
    private const int ReadableByGroup = 0x120; // 0440
    private const int ExecutableByAll = 0x16d; // 0555

    /// <summary>In seconds. A kubelet may let up to one such period pass before it asks for the first time (kubernetes#62036): builds wait for that where a pool comes from zero.</summary>
    private const int ReadinessPeriod = 10;

    public static string Name(V1Alpha1BuilderPool pool, PoolPlatform platform) =>
        ChildNames.StatefulSet(pool.Metadata.Name, Platform.Parse(platform.Platform));

    public static string Image(V1Alpha1BuilderPool pool, PoolOptions options) =>
        string.IsNullOrEmpty(pool.Spec.Image) ? options.DefaultImage : pool.Spec.Image;

    /// <summary>Builders are reached by pod IP; the Service gives their certificate its name, and people a name to look up.</summary>
    public static V1Service Service(V1Alpha1BuilderPool pool, PoolPlatform platform) => new()
    {
        ApiVersion = V1Service.KubeApiVersion,
        Kind = V1Service.KubeKind,
        Metadata = Metadata(pool, platform, Name(pool, platform)),
        Spec = new V1ServiceSpec
        {
            ClusterIP = "None",
            PublishNotReadyAddresses = true,
            Selector = Selector(pool, platform),
            Ports = [new V1ServicePort { Name = PortName, Port = Builder.Port, Protocol = "TCP", TargetPort = PortName }],
        },
    };

    public static V1ConfigMap ConfigMap(V1Alpha1BuilderPool pool, PoolPlatform platform, PoolOptions options)
    {
        var registries = pool.Spec.Registries ?? [];
        var data = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            [BuilderPaths.ConfigFile] = BuildkitdToml.Render(Settings(pool, platform, options)),
            [StepRuntime.File] = StepRuntime.Script,
        };
        foreach (var registry in registries.Where(registry => !string.IsNullOrEmpty(registry.Ca)))
            data[BuildkitdToml.AuthorityFile(registry.Host)] = registry.Ca!;
        return new V1ConfigMap
        {
            ApiVersion = V1ConfigMap.KubeApiVersion,
            Kind = V1ConfigMap.KubeKind,
            Metadata = Metadata(pool, platform, ChildNames.PoolConfig(Name(pool, platform))),
            Data = data,
        };
    }

    public static V1StatefulSet StatefulSet(
        V1Alpha1BuilderPool pool, PoolPlatform platform, PoolOptions options, ServerCertificate certificate, int replicas)
    {
        var metadata = Metadata(pool, platform, Name(pool, platform));
        metadata.Annotations = Annotations(certificate);
        metadata.Annotations[SlipwayApi.CertificateSerialAnnotation] = certificate.Serial;
        if (certificate.Earlier.Count > 0) metadata.Annotations[SlipwayApi.EarlierCertificatesAnnotation] = string.Join(',', certificate.Earlier);
        return new V1StatefulSet
        {
            ApiVersion = $"{V1StatefulSet.KubeGroup}/{V1StatefulSet.KubeApiVersion}",
            Kind = V1StatefulSet.KubeKind,
            Metadata = metadata,
            Spec = new V1StatefulSetSpec
            {
                Replicas = replicas,
                ServiceName = metadata.Name,
                // One builder that cannot start must not hold back the others.
                PodManagementPolicy = "Parallel",
                // The controller's rolling update knows nothing of running builds.
                UpdateStrategy = new V1StatefulSetUpdateStrategy { Type = "OnDelete" },
                PersistentVolumeClaimRetentionPolicy = Retention(platform, options),
                Selector = new V1LabelSelector { MatchLabels = Selector(pool, platform) },
                Template = Template(pool, platform, options, certificate),
                VolumeClaimTemplates = Claims(platform),
            },
        };
    }

    /// <summary>The volume that builders of a platform have; null for an emptyDir.</summary>
    public static IList<V1PersistentVolumeClaim>? Claims(PoolPlatform platform) => platform.Storage is not { } storage ? null :
    [
        new V1PersistentVolumeClaim
        {
            Metadata = new V1ObjectMeta { Name = Volume },
            Spec = new V1PersistentVolumeClaimSpec
            {
                AccessModes = ["ReadWriteOnce"],
                StorageClassName = storage.StorageClassName,
                Resources = storage.Size is { } size
                    ? new V1VolumeResourceRequirements { Requests = new Dictionary<string, ResourceQuantity> { ["storage"] = size } }
                    : null,
            },
        },
    ];

    private static V1PodTemplateSpec Template(
        V1Alpha1BuilderPool pool, PoolPlatform platform, PoolOptions options, ServerCertificate certificate)
    {
        var annotations = Annotations(certificate);
        annotations[SlipwayApi.ConfigHashAnnotation] = ConfigHash(ConfigMap(pool, platform, options));
        // Servers that know the field refuse a pod whose annotation and field differ, and warn of the annotation alone.
        if (!options.HasAppArmorField) annotations[$"container.apparmor.security.beta.kubernetes.io/{Container}"] = "unconfined";
        if (IsEmulated(platform)) annotations[SlipwayApi.ModeAnnotation] = BuilderModes.Emulated;
        var template = new V1PodTemplateSpec
        {
            Metadata = new V1ObjectMeta { Labels = Labels(pool, platform), Annotations = annotations },
            Spec = new V1PodSpec
            {
                // RUN steps share the pod with buildkitd: there must be no token for them to find.
                AutomountServiceAccountToken = false,
                EnableServiceLinks = false,
                TerminationGracePeriodSeconds = (long)options.TerminationGrace.TotalSeconds,
                SecurityContext = new V1PodSecurityContext
                {
                    RunAsNonRoot = true,
                    RunAsUser = BuilderPaths.User,
                    RunAsGroup = BuilderPaths.User,
                    FsGroup = BuilderPaths.User,
                    // A full cache is millions of files: walk them once, not at every start.
                    FsGroupChangePolicy = "OnRootMismatch",
                },
                Affinity = Nodes(platform),
                NodeSelector = platform.NodeSelector is { Count: > 0 } nodes
                    ? new SortedDictionary<string, string>(nodes, StringComparer.Ordinal)
                    : null,
                Tolerations = platform.Tolerations is { Count: > 0 } tolerations ? [.. tolerations] : null,
                InitContainers = [PreflightContainer(Image(pool, options), platform)],
                Containers = [Buildkitd(Image(pool, options), platform, options), Disk(Image(pool, options))],
                Volumes = Volumes(pool, platform, options, certificate),
            },
        };
        annotations[SlipwayApi.TemplateHashAnnotation] = ChildNames.Hash(KubernetesJson.Serialize(template), 16);
        return template;
    }

    /// <summary>Emulated never runs natively: its times would be those of another kind of builder. Required, and apart from the user's node selector, so that nothing in the pool can lift it.</summary>
    private static V1Affinity Nodes(PoolPlatform platform) => new()
    {
        NodeAffinity = new V1NodeAffinity
        {
            RequiredDuringSchedulingIgnoredDuringExecution = new V1NodeSelector
            {
                NodeSelectorTerms =
                [
                    new V1NodeSelectorTerm
                    {
                        MatchExpressions =
                        [
                            Requires("kubernetes.io/os", "In", Platform.Parse(platform.Platform).Os),
                            Requires("kubernetes.io/arch", IsEmulated(platform) ? "NotIn" : "In", Platform.Parse(platform.Platform).Architecture),
                        ],
                    },
                ],
            },
        },
    };

    private static V1NodeSelectorRequirement Requires(string label, string relation, string value) =>
        new() { Key = label, OperatorProperty = relation, Values = [value] };

    private static bool IsEmulated(PoolPlatform platform) => platform.Mode == BuilderModes.Emulated;

    private static V1Container PreflightContainer(string image, PoolPlatform platform) => new()
    {
        Name = Preflight.ContainerName,
        Image = image,
        Command = ["sh", "-c", Preflight.Script],
        Args = IsEmulated(platform) ? [Preflight.ContainerName, .. EmulationProbe.Arguments(Platform.Parse(platform.Platform).Architecture)] : null,
        // The same as buildkitd's: a pod counts the larger of the two, and a quota asks every container for its share.
        Resources = Resources(platform),
        SecurityContext = Restricted(),
        VolumeMounts = [new V1VolumeMount { Name = Volume, MountPath = BuilderPaths.State }],
    };

    private static V1Container Disk(string image) => new()
    {
        Name = DiskWatch.ContainerName,
        Image = image,
        Command = ["sh", "-c", DiskWatch.Script],
        // Limits as requests: a pod whose buildkitd has them so stays Guaranteed, and a quota asks every container for its share.
        Resources = new V1ResourceRequirements { Requests = DiskResources(), Limits = DiskResources() },
        SecurityContext = Restricted() with { ReadOnlyRootFilesystem = true },
        ReadinessProbe = new V1Probe
        {
            Exec = new V1ExecAction { Command = ["sh", "-c", DiskWatch.Probe] },
            PeriodSeconds = ReadinessPeriod,
            TimeoutSeconds = 15,
            FailureThreshold = 1,
        },
        VolumeMounts = [new V1VolumeMount { Name = Volume, MountPath = BuilderPaths.State, ReadOnlyProperty = true }],
    };

    /// <summary>Enough for a shell, and for the runtime to start one: that counts in the container.</summary>
    private static Dictionary<string, ResourceQuantity> DiskResources() => new() { ["cpu"] = new("20m"), ["memory"] = new("32Mi") };

    private static V1SecurityContext Restricted() => new()
    {
        AllowPrivilegeEscalation = false,
        Capabilities = new V1Capabilities { Drop = ["ALL"] },
        SeccompProfile = new V1SeccompProfile { Type = "RuntimeDefault" },
    };

    private static V1Container Buildkitd(string image, PoolPlatform platform, PoolOptions options) => new()
    {
        Name = Container,
        Image = image,
        // The image's own entrypoint is "rootlesskit buildkitd". All else stands in the file, whose place would hang on $USER otherwise.
        Args = ["--config", $"{BuilderPaths.ConfigFolder}/{BuilderPaths.ConfigFile}"],
        Ports = [new V1ContainerPort { Name = PortName, ContainerPort = Builder.Port, Protocol = "TCP" }],
        Resources = Resources(platform),
        SecurityContext = BuildkitdSecurity(options),
        StartupProbe = Probe(period: 5, timeout: 15, failures: 60),
        ReadinessProbe = Probe(period: ReadinessPeriod, timeout: 15, failures: 4),
        // Far laxer: a busy daemon answers slowly, and a restart costs all builds that run on it.
        LivenessProbe = Probe(period: 60, timeout: 30, failures: 10),
        Lifecycle = new V1Lifecycle { PreStop = new V1LifecycleHandler { Exec = new V1ExecAction { Command = ["sh", "-c", PreStop.Script] } } },
        // Why it fell over, for PoolProgress to recognise; never shown as it is.
        TerminationMessagePolicy = "FallbackToLogsOnError",
        VolumeMounts =
        [
            new V1VolumeMount { Name = Volume, MountPath = BuilderPaths.State },
            new V1VolumeMount { Name = ConfigVolume, MountPath = BuilderPaths.ConfigFolder, ReadOnlyProperty = true },
            new V1VolumeMount { Name = CertificateVolume, MountPath = BuilderPaths.CertificateFolder, ReadOnlyProperty = true },
        ],
    };

    /// <summary>
    /// newuidmap and newgidmap give buildkitd its range of users, by setuid bit or file capability: so privilege escalation stays
    /// allowed, and SETUID and SETGID stay in the bounding set. Inside its user namespace buildkitd mounts and unshares, which the
    /// default seccomp and AppArmor profiles forbid.
    /// </summary>
    private static V1SecurityContext BuildkitdSecurity(PoolOptions options) => new()
    {
        Capabilities = new V1Capabilities { Drop = ["ALL"], Add = ["SETUID", "SETGID"] },
        SeccompProfile = new V1SeccompProfile { Type = "Unconfined" },
        AppArmorProfile = options.HasAppArmorField ? new V1AppArmorProfile { Type = "Unconfined" } : null,
    };

    /// <summary>Over the socket: the kubelet has no client certificate. Each probe starts a process, so none is frequent or in a hurry.</summary>
    private static V1Probe Probe(int period, int timeout, int failures) => new()
    {
        Exec = new V1ExecAction { Command = ["buildctl", "--addr", BuilderPaths.SocketAddress, "debug", "workers"] },
        PeriodSeconds = period,
        TimeoutSeconds = timeout,
        FailureThreshold = failures,
    };

    private static V1Volume[] Volumes(
        V1Alpha1BuilderPool pool, PoolPlatform platform, PoolOptions options, ServerCertificate certificate)
    {
        var name = Name(pool, platform);
        var secret = ChildNames.ServerCertificate(name, certificate.Serial);
        V1Volume[] always =
        [
            // One of its files is a program.
            new V1Volume { Name = ConfigVolume, ConfigMap = new V1ConfigMapVolumeSource { Name = ChildNames.PoolConfig(name), DefaultMode = ExecutableByAll } },
            new V1Volume
            {
                Name = CertificateVolume,
                Secret = new V1SecretVolumeSource { SecretName = secret, DefaultMode = ReadableByGroup },
            },
        ];
        return platform.Storage is not null
            ? always
            : [new V1Volume { Name = Volume, EmptyDir = new V1EmptyDirVolumeSource { SizeLimit = options.EphemeralStorage } }, .. always];
    }

    private static BuildkitdSettings Settings(V1Alpha1BuilderPool pool, PoolPlatform platform, PoolOptions options) => new()
    {
        Platform = Platform.Parse(platform.Platform),
        StorageBytes = (platform.Storage?.Size ?? options.EphemeralStorage).ToInt64(),
        Features = BuildkitFeatures.Of(Image(pool, options)),
        Registries = pool.Spec.Registries ?? [],
        Frontends = pool.Spec.Frontends ?? [DefaultFrontend],
    };

    private static V1StatefulSetPersistentVolumeClaimRetentionPolicy? Retention(PoolPlatform platform, PoolOptions options) =>
        platform.Storage is not null && options.HasVolumeRetention
            ? new V1StatefulSetPersistentVolumeClaimRetentionPolicy { WhenDeleted = "Delete", WhenScaled = "Retain" }
            : null;

    /// <summary>Only what is given: an empty object would make us the owner of nothing, and differ from what is read back.</summary>
    private static V1ResourceRequirements? Resources(PoolPlatform platform) =>
        platform.Resources is { Limits.Count: > 0 } or { Requests.Count: > 0 } ? platform.Resources : null;

    private static string ConfigHash(V1ConfigMap config) => ChildNames.Hash(JsonSerializer.Serialize(config.Data), 16);

    private static V1ObjectMeta Metadata(V1Alpha1BuilderPool pool, PoolPlatform platform, string name) => new()
    {
        Name = name,
        NamespaceProperty = pool.Metadata.NamespaceProperty,
        Labels = Labels(pool, platform),
        OwnerReferences = [OwnerReferences.ControlledBy(pool)],
    };

    /// <summary>Builders carry them on, so that each says itself which clients it takes and until when.</summary>
    private static SortedDictionary<string, string> Annotations(ServerCertificate certificate) => new(StringComparer.Ordinal)
    {
        [SlipwayApi.CertificateAuthorityAnnotation] = certificate.Authority,
        [SlipwayApi.CertificateExpiryAnnotation] = certificate.Expires.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
    };

    public static IDictionary<string, string> Labels(V1Alpha1BuilderPool pool, PoolPlatform platform)
    {
        var labels = Selector(pool, platform);
        labels[SlipwayApi.ManagedByLabel] = SlipwayApi.ManagedBy;
        return labels;
    }

    private static SortedDictionary<string, string> Selector(V1Alpha1BuilderPool pool, PoolPlatform platform) => new(StringComparer.Ordinal)
    {
        [SlipwayApi.ComponentLabel] = SlipwayApi.BuilderComponent,
        [SlipwayApi.PoolLabel] = pool.Metadata.Name,
        [SlipwayApi.PlatformLabel] = Platform.Parse(platform.Platform).Dashed,
    };
}
