using System.Globalization;
using k8s.Models;
using Slipway.Api;
using Slipway.Cache;
using Slipway.Kube.Writing;
using Slipway.Runner;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>The objects that a build owns. All are created once and never changed.</summary>
internal static class BuildObjects
{
    /// <summary>The client certificate's volume, and the inline source's.</summary>
    public const string CertificateVolume = "tls";
    public const string SourceVolume = "source";
    private const string CacheVolume = "cache";

    /// <summary>The Secret of the build's namespace for a builder outside the cluster; not ours to delete.</summary>
    public const string EndpointVolume = "endpoint-tls";

    /// <summary>For a Job that is told to end: buildctl and then its solve on the builder.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(60);

    private const string TlsDirectory = "/run/slipway/tls";
    private const string PushDirectory = "/run/slipway/push";
    private const string CacheDirectory = "/run/slipway/cache";
    private const string SourceDirectory = "/run/slipway/source";
    private const string HandoverDirectory = "/run/slipway/handover";
    private const int RunnerUser = 65532;
    private const int LongestPiece = 32 * 1024;

    private static readonly string[] LostNodeTaints = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
    private static readonly TimeSpan LostNodePatience = TimeSpan.FromSeconds(30);

    private static readonly string[] CertificateFiles = ["ca.crt", "tls.crt", "tls.key"];

    /// <summary>The pod outlives the runner's own timer, so that a result is always written.</summary>
    private static readonly TimeSpan DeadlineSlack = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PrepareTimeout = TimeSpan.FromMinutes(2);
    public static readonly TimeSpan PublishTimeout = TimeSpan.FromMinutes(5);

    /// <summary>For writing the cache, once the image is pushed: a builder's slot is held as long.</summary>
    private static readonly TimeSpan CacheTimeout = TimeSpan.FromMinutes(15);

    public static V1Job PrepareJob(BuildState state)
    {
        var description = new PrepareDescription { Git = Git(state.Spec.Source.Git!), TimeoutSeconds = Seconds(PrepareTimeout) };
        return Job(state, new JobShape
        {
            Name = ChildNames.PrepareJob(state.Build.Metadata.Name, state.Build.Metadata.Uid, state.BuildKey, state.Prepare.Current),
            Role = JobRoles.Prepare,
            Attempt = state.Prepare.Current,
            Description = RunnerJson.Serialize(description),
            Timeout = PrepareTimeout,
        });
    }

    public static V1Job PlatformJob(BuildState state, PlatformState attempted, Builder builder)
    {
        var platform = attempted.Platform;
        var description = PlatformDescription(state, attempted, builder);
        return Job(state, new JobShape
        {
            Name = ChildNames.PlatformJob(state.Build.Metadata.Name, state.Build.Metadata.Uid, state.BuildKey, platform, attempted.Attempts.Current),
            Role = JobRoles.Build,
            Attempt = attempted.Attempts.Current,
            TagsUntil = description.TagsUntil,
            Tags = description.Output.Tags,
            Description = RunnerJson.Serialize(description),
            Timeout = TimeSpan.FromSeconds(description.TimeoutSeconds),
            Labels = new()
            {
                [SlipwayApi.PlatformLabel] = platform.Dashed,
                [SlipwayApi.BuilderLabel] = ChildNames.LabelValue(builder.Name),
                [SlipwayApi.PoolLabel] = state.Snapshot.PoolKey.Name,
                [SlipwayApi.PoolNamespaceLabel] = state.Snapshot.PoolKey.Namespace,
            },
            Annotations = PlacementNotes(attempted, builder),
            WritesCache = description.HandoverDirectory is not null,
            Volumes = [ClientCredentials(state, builder), .. PushCredentials(state), .. CacheCredentials(state), .. Source(state), .. SharedFolder(description)],
        });
    }

    /// <summary>What status says of the builder; a pass after one that could not write status has the Job alone.</summary>
    private static Dictionary<string, string> PlacementNotes(PlatformState attempted, Builder builder)
    {
        var notes = new Dictionary<string, string>
        {
            [SlipwayApi.PlatformAnnotation] = attempted.Platform.ToString(),
            [SlipwayApi.BuilderAnnotation] = builder.Name,
            [SlipwayApi.BuilderUidAnnotation] = builder.Uid,
            [SlipwayApi.ModeAnnotation] = builder.Mode,
        };
        if (attempted.Slot?.PreferredBuilder is { } preferred)
            notes[SlipwayApi.PreferredBuilderAnnotation] = preferred;
        return notes;
    }

    public static V1Job PublishJob(BuildState state)
    {
        var description = new PublishDescription
        {
            Platforms = [.. state.Platforms.Select(platform => new PlatformIndex(platform.Platform.ToString(), platform.Result!.IndexDigest!))],
            Output = Output(state),
            Attestations = Attestations(state.Spec.Attestations, state.Spec.Output),
            TimeoutSeconds = Seconds(PublishTimeout),
            TagsUntil = TagsUntil(state, PublishTimeout),
        };
        return Job(state, new JobShape
        {
            Name = ChildNames.PublishJob(state.Build.Metadata.Name, state.Build.Metadata.Uid, state.BuildKey, state.Publish.Current),
            Role = JobRoles.Publish,
            Attempt = state.Publish.Current,
            TagsUntil = description.TagsUntil,
            Tags = description.Output.Tags,
            Description = RunnerJson.Serialize(description),
            Timeout = PublishTimeout,
            Volumes = [.. PushCredentials(state)],
        });
    }

    /// <summary>Keys of a ConfigMap cannot hold a slash, so files are numbered and the volume gives them their paths back.</summary>
    public static V1ConfigMap? InlineSource(BuildState state)
    {
        if (state.Spec.Source.Inline is not { } inline) return null;
        var metadata = Metadata(state, InlineSourceName(state));
        return new V1ConfigMap
        {
            ApiVersion = "v1",
            Kind = "ConfigMap",
            Metadata = metadata,
            Immutable = true,
            Data = Numbered(inline).ToDictionary(file => file.Key, file => file.Content),
        };
    }

    public static string ClientCertificateName(BuildState state, Builder builder) =>
        ChildNames.ClientCertificate(state.Build.Metadata.Name, state.Build.Metadata.Uid, state.BuildKey, builder.Authority);

    public static string InlineSourceName(BuildState state) =>
        ChildNames.InlineSource(state.Build.Metadata.Name, state.Build.Metadata.Uid, state.BuildKey);

    private static BuildDescription PlatformDescription(BuildState state, PlatformState attempted, Builder builder)
    {
        var (spec, platform) = (state.Spec, attempted.Platform);
        var buildNamespace = state.Build.Metadata.NamespaceProperty;
        var cache = BuildCaches.Of(state, platform, CacheDirectory);
        return new BuildDescription
        {
            Platform = platform.ToString(),
            Builder = new BuilderEndpoint
            {
                Name = builder.Name,
                Address = builder.Address!,
                ServerName = builder.ServerName,
                TlsDirectory = TlsDirectory,
                ClientSecret = builder.ClientSecret is { } secret ? $"{buildNamespace}/{secret}" : null,
            },
            Git = spec.Source.Git is { } git ? Git(git) : null,
            ContextDirectory = spec.Source.Inline is null ? null : SourceDirectory,
            Commit = state.Commit,
            Dockerfile = string.IsNullOrEmpty(spec.Dockerfile) ? BuildDefaults.Dockerfile : spec.Dockerfile,
            Target = spec.Target,
            BuildArgs = [.. (spec.BuildArgs ?? []).Select(argument => new BuildArgument(argument.Name, argument.Value))],
            Output = Output(state),
            Cache = cache,
            HandoverDirectory = cache is not null && BuildCaches.MayWrite(state.Snapshot) ? HandoverDirectory : null,
            CacheMountNamespace = CacheNames.MountNamespace(buildNamespace, CacheNames.Scope(spec)),
            Attestations = Attestations(spec.Attestations, spec.Output),
            TimeoutSeconds = Seconds(state.TimeLeft),
            Publish = state.Single,
            TagsUntil = state.Single ? TagsUntil(state, state.TimeLeft) : null,
            TraceParent = state.Options.Traces
                ? BuildTrace.TraceParent(state.Build.Metadata.Uid, state.BuildKey, JobRoles.Build, platform.ToString(), attempted.Attempts.Current)
                : null,
        };
    }

    private static GitSource Git(GitBuildSource git) => new(git.Url, git.Revision, string.IsNullOrEmpty(git.SubPath) ? null : git.SubPath);

    /// <summary>To the whole second, as an annotation and JSON say it.</summary>
    private static DateTimeOffset TagsUntil(BuildState state, TimeSpan timeout) => new(Conditions.WholeSecond(state.Now + timeout + DeadlineSlack), TimeSpan.Zero);

    private static OutputDescription Output(BuildState state) => Output(state.Spec.Output, state.Tags);

    private static OutputDescription Output(BuildOutput output, IReadOnlyList<string> tags) => new()
    {
        Image = output.Image,
        Tags = tags,
        CredentialsDirectory = output.CredentialsSecretRef is null ? null : PushDirectory,
        CredentialsSecret = output.CredentialsSecretRef?.Name,
        PlainHttp = output.PlainHttp ?? false,
        Ca = string.IsNullOrEmpty(output.Ca) ? null : output.Ca,
    };

    private static AttestationDescription Attestations(BuildAttestations? attestations, BuildOutput output) => new()
    {
        Provenance = (attestations?.Provenance ?? BuildDefaults.Provenance).ToLowerInvariant(),
        Sbom = attestations?.Sbom ?? true,
        SbomGenerator = string.IsNullOrEmpty(attestations?.SbomGenerator) ? null : attestations.SbomGenerator,
        Format = (output.AttestationFormat ?? BuildDefaults.AttestationFormat).ToLowerInvariant(),
    };

    private static V1Job Job(BuildState state, JobShape shape)
    {
        var metadata = Metadata(state, shape.Name);
        metadata.Labels = metadata.Labels.Concat(shape.Labels).Append(new(SlipwayApi.RoleLabel, shape.Role)).ToDictionary(pair => pair.Key, pair => pair.Value);
        metadata.Annotations = Annotations(shape);
        return new V1Job
        {
            ApiVersion = "batch/v1",
            Kind = "Job",
            Metadata = metadata,
            Spec = new V1JobSpec
            {
                BackoffLimit = 0,
                PodReplacementPolicy = state.Options.ServerKnowsPodReplacementPolicy ? "Failed" : null,
                Template = new V1PodTemplateSpec
                {
                    Metadata = new V1ObjectMeta { Labels = new Dictionary<string, string>(metadata.Labels) },
                    Spec = Pod(state, shape),
                },
            },
        };
    }

    private static Dictionary<string, string> Annotations(JobShape shape)
    {
        var notes = new Dictionary<string, string>(shape.Annotations) { [SlipwayApi.AttemptAnnotation] = shape.Attempt.ToString(CultureInfo.InvariantCulture) };
        if (shape.TagsUntil is not { } until) return notes;
        notes[SlipwayApi.TagsUntilAnnotation] = until.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        notes[SlipwayApi.TagsAnnotation] = string.Join(',', shape.Tags);
        return notes;
    }

    /// <summary>Kubernetes lets pods stay for five minutes on a node that does not answer.</summary>
    private static IEnumerable<V1Toleration> ShortOnLostNodes() => LostNodeTaints.Select(taint =>
        new V1Toleration { Key = taint, OperatorProperty = "Exists", Effect = "NoExecute", TolerationSeconds = (long)LostNodePatience.TotalSeconds });

    private static V1PodSpec Pod(BuildState state, JobShape shape)
    {
        var job = state.Spec.Job;
        return new V1PodSpec
        {
            RestartPolicy = "Never",
            ActiveDeadlineSeconds = Seconds(shape.Timeout + DeadlineSlack + (shape.WritesCache ? CacheTimeout + DeadlineSlack : TimeSpan.Zero)),
            TerminationGracePeriodSeconds = Seconds(Grace),
            AutomountServiceAccountToken = false,
            EnableServiceLinks = false,
            ServiceAccountName = string.IsNullOrEmpty(job?.ServiceAccountName) ? null : job.ServiceAccountName,
            NodeSelector = NodeSelector(state.Options, job),
            Tolerations = [.. job?.Tolerations ?? [], .. ShortOnLostNodes()],
            Affinity = Affinity(state.Options),
            SecurityContext = new V1PodSecurityContext
            {
                RunAsNonRoot = true,
                RunAsUser = RunnerUser,
                RunAsGroup = RunnerUser,
                FsGroup = RunnerUser,
                SeccompProfile = new V1SeccompProfile { Type = "RuntimeDefault" },
            },
            Containers = [Runner(state, shape), .. shape.WritesCache ? [CacheWriter(state, shape)] : Array.Empty<V1Container>()],
            Volumes = [.. shape.Volumes.Select(volume => volume.Volume), new V1Volume { Name = "tmp", EmptyDir = new V1EmptyDirVolumeSource() }],
        };
    }

    private static V1Container Runner(BuildState state, JobShape shape) =>
        Container(state, shape, JobContainers.Runner, [shape.Role, .. Pieces(shape.Description).SelectMany(piece => new[] { "--description", Literal(piece) })]);

    /// <summary>Beside the one that builds, so that it is there when the image is: it waits for that, and takes from it what was built.</summary>
    private static V1Container CacheWriter(BuildState state, JobShape shape)
    {
        var description = new ExportCacheDescription { HandoverDirectory = HandoverDirectory, TimeoutSeconds = Seconds(CacheTimeout) };
        return Container(state, shape, JobContainers.Cache, ["export-cache", "--description", RunnerJson.Serialize(description)]);
    }

    private static V1Container Container(BuildState state, JobShape shape, string name, IList<string> arguments) => new()
    {
        Name = name,
        Image = state.Options.RunnerImage,
        Args = arguments,
        TerminationMessagePolicy = "File",
        Resources = state.Spec.Job?.Resources ?? new V1ResourceRequirements
        {
            Requests = new Dictionary<string, ResourceQuantity> { ["cpu"] = new("50m"), ["memory"] = new("64Mi") },
            Limits = new Dictionary<string, ResourceQuantity> { ["memory"] = new("512Mi") },
        },
        SecurityContext = new V1SecurityContext
        {
            AllowPrivilegeEscalation = false,
            ReadOnlyRootFilesystem = true,
            Capabilities = new V1Capabilities { Drop = ["ALL"] },
        },
        VolumeMounts = [.. shape.Volumes.Select(volume => volume.Mount), new V1VolumeMount { Name = "tmp", MountPath = "/tmp" }],
    };

    /// <summary>
    /// Linux takes no argument of 128 KiB, and build arguments alone may have twice that. A character has three bytes at most. No piece
    /// begins with what has a meaning at the beginning of an argument, or within a character of two parts.
    /// </summary>
    private static IEnumerable<string> Pieces(string description)
    {
        var start = 0;
        while (description.Length - start > LongestPiece)
        {
            var end = start + LongestPiece;
            while (!char.IsAsciiLetterOrDigit(description[end]) && end > start + 1) end--;
            yield return description[start..end];
            start = end;
        }

        yield return description[start..];
    }

    /// <summary>The kubelet expands $(NAME) and $$ in arguments, and a build argument may hold either.</summary>
    private static string Literal(string argument) => argument.Replace("$", "$$", StringComparison.Ordinal);

    private static Dictionary<string, string>? NodeSelector(BuildOptions options, JobTemplate? job)
    {
        var selector = new Dictionary<string, string>(options.JobNodeSelector);
        foreach (var (name, value) in job?.NodeSelector ?? new Dictionary<string, string>()) selector[name] = value;
        return selector.Count == 0 ? null : selector;
    }

    private static V1Affinity Affinity(BuildOptions options) => new()
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
                            new V1NodeSelectorRequirement { Key = "kubernetes.io/os", OperatorProperty = "In", Values = ["linux"] },
                            new V1NodeSelectorRequirement { Key = "kubernetes.io/arch", OperatorProperty = "In", Values = [.. options.RunnerArchitectures] },
                        ],
                    },
                ],
            },
        },
    };

    private static V1ObjectMeta Metadata(BuildState state, string name) => new()
    {
        Name = name,
        NamespaceProperty = state.Build.Metadata.NamespaceProperty,
        Labels = Labels(state.Build, state.BuildKey),
        OwnerReferences = [OwnerReferences.ControlledBy(state.Build)],
    };

    public static Dictionary<string, string> Labels(V1Alpha1ImageBuild build, string buildKey) => new()
    {
        [SlipwayApi.ManagedByLabel] = SlipwayApi.ManagedBy,
        [SlipwayApi.ComponentLabel] = SlipwayApi.BuildComponent,
        [SlipwayApi.BuildLabel] = ChildNames.LabelValue(build.Metadata.Name),
        [SlipwayApi.BuildKeyLabel] = buildKey,
    };

    private static JobVolume ClientCredentials(BuildState state, Builder builder) => builder.ClientSecret is { } secret
        ? Optional(EndpointVolume, secret, TlsDirectory, [.. CertificateFiles.Select(file => new V1KeyToPath { Key = file, Path = file })])
        : Secret(CertificateVolume, ClientCertificateName(state, builder), TlsDirectory);

    private static IEnumerable<JobVolume> PushCredentials(BuildState state) =>
        state.Spec.Output.CredentialsSecretRef is { } secret ? [DockerConfig("push", secret.Name, PushDirectory)] : [];

    private static IEnumerable<JobVolume> CacheCredentials(BuildState state) =>
        state.Snapshot.Pool?.Spec.Cache switch
        {
            { Registry.CredentialsSecretRef: { } secret } => [DockerConfig(CacheVolume, secret.Name, CacheDirectory)],
            { S3.CredentialsSecretRef: { } secret } => [Optional(CacheVolume, secret.Name, CacheDirectory, [])],
            _ => [],
        };

    private static IEnumerable<JobVolume> SharedFolder(BuildDescription description) => description.HandoverDirectory is not { } directory ? [] :
    [
        new JobVolume(new V1Volume { Name = "handover", EmptyDir = new V1EmptyDirVolumeSource() }, new V1VolumeMount { Name = "handover", MountPath = directory }),
    ];

    private static IEnumerable<JobVolume> Source(BuildState state) =>
        state.Spec.Source.Inline is not { } inline ? [] :
        [
            new JobVolume(
                new V1Volume
                {
                    Name = SourceVolume,
                    ConfigMap = new V1ConfigMapVolumeSource
                    {
                        Name = InlineSourceName(state),
                        Items = [.. Numbered(inline).Select(file => new V1KeyToPath { Key = file.Key, Path = file.Path })],
                    },
                },
                new V1VolumeMount { Name = SourceVolume, MountPath = SourceDirectory, ReadOnlyProperty = true }),
        ];

    private static JobVolume Secret(string volume, string secret, string directory) => new(
        new V1Volume { Name = volume, Secret = new V1SecretVolumeSource { SecretName = secret, DefaultMode = 0x120 /* 0440 */ } },
        new V1VolumeMount { Name = volume, MountPath = directory, ReadOnlyProperty = true });

    private static JobVolume DockerConfig(string volume, string secret, string directory) =>
        Optional(volume, secret, directory, [new V1KeyToPath { Key = ".dockerconfigjson", Path = "config.json" }]);

    /// <summary>A missing Secret is a clear report by the runner instead of a pod that never starts.</summary>
    private static JobVolume Optional(string volume, string secret, string directory, IReadOnlyList<V1KeyToPath> items) => new(
        new V1Volume
        {
            Name = volume,
            Secret = new V1SecretVolumeSource
            {
                SecretName = secret,
                Optional = true,
                DefaultMode = 0x120, /* 0440 */
                Items = items.Any() ? [.. items] : null,
            },
        },
        new V1VolumeMount { Name = volume, MountPath = directory, ReadOnlyProperty = true });

    private static IEnumerable<(string Key, string Path, string Content)> Numbered(InlineBuildSource inline) =>
        inline.Files.OrderBy(file => file.Key, StringComparer.Ordinal)
            .Select((file, index) => (string.Create(CultureInfo.InvariantCulture, $"file-{index}"), file.Key, file.Value));

    private static int Seconds(TimeSpan time) => (int)Math.Ceiling(time.TotalSeconds);

    private sealed record JobVolume(V1Volume Volume, V1VolumeMount Mount);

    private sealed record JobShape
    {
        public required string Name { get; init; }

        public required string Role { get; init; }

        public required string Description { get; init; }

        public required TimeSpan Timeout { get; init; }

        public required int Attempt { get; init; }

        /// <summary>Null where it puts no tags.</summary>
        public DateTimeOffset? TagsUntil { get; init; }

        public IReadOnlyList<string> Tags { get; init; } = [];

        /// <summary>A second container writes the remote cache once the first one has pushed the image.</summary>
        public bool WritesCache { get; init; }

        public Dictionary<string, string> Labels { get; init; } = [];

        public Dictionary<string, string> Annotations { get; init; } = [];

        public IReadOnlyList<JobVolume> Volumes { get; init; } = [];
    }
}
