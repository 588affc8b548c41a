using System.Globalization;
using k8s.Models;
using Slipway.Api;
using Slipway.Cache;
using Slipway.JobPods;
using Slipway.Kube;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>All that a decision about a build may look at.</summary>
internal sealed record BuildSnapshot
{
    public required V1Alpha1ImageBuild Build { get; init; }

    /// <summary>What the validation has to say; empty for a good object.</summary>
    public IReadOnlyList<string> ValidationErrors { get; init; } = [];

    /// <summary>Null where there is no such pool.</summary>
    public V1Alpha1BuilderPool? Pool { get; init; }

    /// <summary>Labels of the build's namespace; null as long as the store does not show it.</summary>
    public IReadOnlyDictionary<string, string>? NamespaceLabels { get; init; } = new Dictionary<string, string>();

    /// <summary>Every Job that this build owns, of whatever buildKey.</summary>
    public IReadOnlyList<BuildJob> Jobs { get; init; } = [];

    /// <summary>What other builds of the namespace do to this one.</summary>
    public Rivals Rivals { get; init; } = Rivals.None;

    /// <summary>A pass moments ago has made the publish Job, which neither store nor status may show yet.</summary>
    public bool HasTurn { get; init; }

    /// <summary>What is known of the build's remote caches, by platform.</summary>
    public IReadOnlyDictionary<string, CacheEntry> Caches { get; init; } = new Dictionary<string, CacheEntry>();

    /// <summary>The scheduler's answers by platform.</summary>
    public IReadOnlyDictionary<string, SlotAnswer> Slots { get; init; } = new Dictionary<string, SlotAnswer>();

    public required BuildOptions Options { get; init; }

    public required DateTimeOffset Now { get; init; }

    public NamespacedName Key => NamespacedName.Of(Build);

    public NamespacedName PoolKey => PoolKeyOf(Build);

    public static NamespacedName PoolKeyOf(V1Alpha1ImageBuild build) =>
        new(build.Spec.PoolRef.Namespace is { Length: > 0 } other ? other : build.Metadata.NamespaceProperty, build.Spec.PoolRef.Name);

    public string BuildKey => Builds.BuildKey.Of(Build.Spec);
}

/// <summary>A Job of a build with the pods that it controls.</summary>
internal sealed record BuildJob(V1Job Job, IReadOnlyList<V1Pod> Pods)
{
    /// <summary>We have deleted it, and the store may not know yet.</summary>
    public bool Deleted { get; init; }

    /// <summary>Its pod is to go, and the node that it is on does not answer: nothing will be heard of it until that comes back, if ever.</summary>
    public bool NodeLost { get; init; }

    public string Name => Job.Metadata.Name;

    public string Uid => Job.Metadata.Uid;

    public string? Role => Label(SlipwayApi.RoleLabel);

    public string? BuildKey => Label(SlipwayApi.BuildKeyLabel);

    public string? Platform => Note(SlipwayApi.PlatformAnnotation);

    public int Attempt => SlipwayApi.AttemptOf(Job.Metadata.Annotations);

    /// <summary>Null where it may put none.</summary>
    public DateTimeOffset? TagsUntil =>
        DateTimeOffset.TryParse(Note(SlipwayApi.TagsUntilAnnotation), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var until) ? until : null;

    /// <summary>A publish Job that runs, or is thought to, and has time left.</summary>
    public bool MayPublish(DateTimeOffset now) => this is { Live: true, Role: JobRoles.Publish } && now < TagsUntil;

    /// <summary>Null where it does not say.</summary>
    public IReadOnlyList<string>? Tags => Note(SlipwayApi.TagsAnnotation)?.Split(',');

    /// <summary>Jobs of an operator before this one have the label alone.</summary>
    public string? Builder => Note(SlipwayApi.BuilderAnnotation) ?? Label(SlipwayApi.BuilderLabel);

    public string? BuilderUid => Note(SlipwayApi.BuilderUidAnnotation);

    public string? PreferredBuilder => Note(SlipwayApi.PreferredBuilderAnnotation);

    public string? Mode => Note(SlipwayApi.ModeAnnotation);

    public DateTimeOffset Created => Job.Metadata.CreationTimestamp is { } time ? new DateTimeOffset(time.ToUniversalTime()) : DateTimeOffset.MaxValue;

    public bool Deleting => Deleted || Job.Metadata.DeletionTimestamp is not null;

    /// <summary>A deletion waits for the pods, which have their grace to end; beyond that, for a node that may never come back.</summary>
    public DateTimeOffset? GoneBy => Job.Metadata.DeletionTimestamp is { } asked
        ? new DateTimeOffset(asked.ToUniversalTime()) + RunnerJob.Grace + JobResult.StoreLag
        : null;

    /// <summary>Whether its pod has a volume of that name.</summary>
    public bool Mounts(string volume) => Job.Spec?.Template?.Spec?.Volumes?.Any(mounted => mounted.Name == volume) ?? false;

    /// <summary>The Secret with the client certificate that its pod mounts; null where it has none.</summary>
    public string? ClientCertificate =>
        Job.Spec?.Template?.Spec?.Volumes?.FirstOrDefault(mounted => mounted.Name == BuildObjects.CertificateVolume)?.Secret?.SecretName;

    public bool Live => !Finished;

    /// <summary>What this Job is for is done, well or badly; what still runs in its pod writes the cache, or is about to end, and nobody waits for it.</summary>
    public bool WritesCache => Live && !Deleting && !NodeLost && Pods.Any(pod => pod.Status?.Phase == "Running" && JobContainers.EndOf(pod, JobContainers.Runner) is not null);

    /// <summary>The pod tells it first, the Job controller a moment later.</summary>
    public bool Finished => FinishedCondition is not null || (Pods.Count > 0 && Pods.All(pod => pod.Status?.Phase is "Succeeded" or "Failed"));

    /// <summary>A pod that waits for an image or a node would wait on, and has no log.</summary>
    public bool NeverStarted => Pods.All(pod => pod.Status?.Phase is null or "Pending");

    /// <summary>When a container of its pod ended, before anybody saw it; null where it has not.</summary>
    public DateTimeOffset? EndOf(string container) =>
        Pods.Select(pod => JobContainers.EndOf(pod, container)?.FinishedAt).FirstOrDefault(time => time is not null) is { } ended ? new DateTimeOffset(ended.ToUniversalTime()) : null;

    /// <summary>When the Job controller saw the end of it; null while it runs.</summary>
    public DateTimeOffset? FinishedAt => FinishedCondition is { } ended
        ? new DateTimeOffset((ended.LastTransitionTime ?? Job.Metadata.CreationTimestamp ?? default).ToUniversalTime())
        : null;

    private V1JobCondition? FinishedCondition =>
        Job.Status?.Conditions?.FirstOrDefault(condition => condition.Type is "Complete" or "Failed" && condition.Status == "True");

    private string? Note(string name) => Job.Metadata.Annotations is { } all && all.TryGetValue(name, out var value) ? value : null;

    private string? Label(string name) => Job.Metadata.Labels is { } all && all.TryGetValue(name, out var value) ? value : null;
}

/// <summary>The roles of Jobs, as their label says them.</summary>
internal static class JobRoles
{
    public const string Prepare = "prepare";
    public const string Build = "build";
    public const string Publish = "publish";
}
