using System.Globalization;
using k8s.Models;
using Slipway.Api;
using Slipway.Cache;
using Slipway.JobPods;
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

    /// <summary>The Secret of the build's namespace for a builder outside the cluster; not ours to delete.</summary>
    public const string EndpointVolume = "endpoint-tls";

    private const string TlsDirectory = "/run/slipway/tls";
    private const string PushDirectory = "/run/slipway/push";
    private const string CacheDirectory = "/run/slipway/cache";
    private const string SourceDirectory = "/run/slipway/source";
    private const string HandoverDirectory = "/run/slipway/handover";

    private static readonly string[] CertificateFiles = ["ca.crt", "tls.crt", "tls.key"];

    private static readonly TimeSpan PrepareTimeout = TimeSpan.FromMinutes(2);
    public static readonly TimeSpan PublishTimeout = TimeSpan.FromMinutes(5);

    /// <summary>For writing the cache, once the image is pushed: a builder's slot is held as long.</summary>
    private static readonly TimeSpan CacheTimeout = TimeSpan.FromMinutes(15);

    public static V1Job PrepareJob(BuildState state)
    {
        var description = new PrepareDescription { Git = Git(state.Spec.Source.Git!), TimeoutSeconds = Seconds(PrepareTimeout) };
        return RunnerJob.Of(new JobShape
        {
            Metadata = Metadata(state, ChildNames.PrepareJob(state.Build.Metadata.Name, state.Build.Metadata.Uid, state.BuildKey, state.Prepare.Current)),
            Role = JobRoles.Prepare,
            Attempt = state.Prepare.Current,
            Description = RunnerJson.Serialize(description),
            Timeout = PrepareTimeout,
            Template = state.Spec.Job,
        }, state.Options.Jobs);
    }

    public static V1Job PlatformJob(BuildState state, PlatformState attempted, Builder builder)
    {
        var platform = attempted.Platform;
        var description = PlatformDescription(state, attempted, builder);
        var metadata = Metadata(state, ChildNames.PlatformJob(state.Build.Metadata.Name, state.Build.Metadata.Uid, state.BuildKey, platform, attempted.Attempts.Current));
        metadata.Labels = new Dictionary<string, string>(metadata.Labels)
        {
            [SlipwayApi.PlatformLabel] = platform.Dashed,
            [SlipwayApi.BuilderLabel] = ChildNames.LabelValue(builder.Name),
            [SlipwayApi.PoolLabel] = state.Snapshot.PoolKey.Name,
            [SlipwayApi.PoolNamespaceLabel] = state.Snapshot.PoolKey.Namespace,
        };
        metadata.Annotations = PlacementNotes(attempted, builder).Concat(TagNotes(description.TagsUntil, description.Output.Tags)).ToDictionary();
        return RunnerJob.Of(new JobShape
        {
            Metadata = metadata,
            Role = JobRoles.Build,
            Attempt = attempted.Attempts.Current,
            Description = RunnerJson.Serialize(description),
            Timeout = TimeSpan.FromSeconds(description.TimeoutSeconds),
            Companion = CacheWriter(description),
            Volumes = [ClientCredentials(state, builder), .. PushCredentials(state), .. CacheJobs.Credentials(state.Snapshot.Pool?.Spec.Cache, CacheDirectory), .. Source(state), .. SharedFolder(description)],
            Template = state.Spec.Job,
        }, state.Options.Jobs);
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
        var metadata = Metadata(state, ChildNames.PublishJob(state.Build.Metadata.Name, state.Build.Metadata.Uid, state.BuildKey, state.Publish.Current));
        metadata.Annotations = TagNotes(description.TagsUntil, description.Output.Tags);
        return RunnerJob.Of(new JobShape
        {
            Metadata = metadata,
            Role = JobRoles.Publish,
            Attempt = state.Publish.Current,
            Description = RunnerJson.Serialize(description),
            Timeout = PublishTimeout,
            Volumes = [.. PushCredentials(state)],
            Template = state.Spec.Job,
        }, state.Options.Jobs);
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
            ExportOnMissOnly = BuildCaches.OnMissOnly(state, platform),
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
    private static DateTimeOffset TagsUntil(BuildState state, TimeSpan timeout) => new(Conditions.WholeSecond(state.Now + timeout + RunnerJob.DeadlineSlack), TimeSpan.Zero);

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

    private static Dictionary<string, string> TagNotes(DateTimeOffset? until, IReadOnlyList<string> tags) => until is not { } moment ? [] : new()
    {
        [SlipwayApi.TagsUntilAnnotation] = moment.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        [SlipwayApi.TagsAnnotation] = string.Join(',', tags),
    };

    /// <summary>Beside the one that builds, so that it is there when the image is: it waits for that, and takes from it what was built.</summary>
    private static JobCompanion? CacheWriter(BuildDescription description)
    {
        if (description.HandoverDirectory is not { } directory) return null;
        var export = new ExportCacheDescription { HandoverDirectory = directory, TimeoutSeconds = Seconds(CacheTimeout) };
        return new JobCompanion(JobContainers.Cache, "export-cache", RunnerJson.Serialize(export), CacheTimeout);
    }

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
        ? JobVolume.OptionalSecret(EndpointVolume, secret, TlsDirectory, CertificateFiles.Select(file => new V1KeyToPath { Key = file, Path = file }))
        : JobVolume.Secret(CertificateVolume, ClientCertificateName(state, builder), TlsDirectory);

    private static IEnumerable<JobVolume> PushCredentials(BuildState state) =>
        state.Spec.Output.CredentialsSecretRef is { } secret ? [JobVolume.DockerConfig("push", secret.Name, PushDirectory)] : [];

    private static IEnumerable<JobVolume> SharedFolder(BuildDescription description) =>
        description.HandoverDirectory is { } directory ? [JobVolume.Shared("handover", directory)] : [];

    private static IEnumerable<JobVolume> Source(BuildState state) => state.Spec.Source.Inline is not { } inline ? []
        : [JobVolume.ConfigMap(SourceVolume, InlineSourceName(state), SourceDirectory, [.. Numbered(inline).Select(file => new V1KeyToPath { Key = file.Key, Path = file.Path })])];

    private static IEnumerable<(string Key, string Path, string Content)> Numbered(InlineBuildSource inline) =>
        inline.Files.OrderBy(file => file.Key, StringComparer.Ordinal)
            .Select((file, index) => (string.Create(CultureInfo.InvariantCulture, $"file-{index}"), file.Key, file.Value));

    private static int Seconds(TimeSpan time) => RunnerJob.Seconds(time);
}
