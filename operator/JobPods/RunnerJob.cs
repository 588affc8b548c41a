using System.Globalization;
using k8s.Models;
using Slipway.Api;

namespace Slipway.JobPods;

/// <summary>One Job, described: what its containers do, and where.</summary>
internal sealed record JobShape
{
    /// <summary>Name, namespace, owner and labels; the role and the attempt come from here.</summary>
    public required V1ObjectMeta Metadata { get; init; }

    /// <summary>The runner's verb.</summary>
    public required string Role { get; init; }

    /// <summary>1 for the first.</summary>
    public required int Attempt { get; init; }

    /// <summary>JSON that the verb is told what to do with.</summary>
    public required string Description { get; init; }

    /// <summary>The runner's own time.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>A second container that works on once the first has ended; null where there is none.</summary>
    public JobCompanion? Companion { get; init; }

    public IReadOnlyList<JobVolume> Volumes { get; init; } = [];

    /// <summary>Resources, nodes and ServiceAccount where its owner has said so.</summary>
    public JobTemplate? Template { get; init; }
}

/// <summary>A container beside the runner's, with a description and a time of its own.</summary>
internal sealed record JobCompanion(string Container, string Verb, string Description, TimeSpan Timeout);

/// <summary>
/// What every Job of ours is: one pod, never a second, that passes Pod Security "restricted", has no token, ends in its time, and
/// leaves its result as its termination message.
/// </summary>
internal static class RunnerJob
{
    /// <summary>For a Job that is told to end: buildctl and then its solve on the builder.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(60);

    /// <summary>The pod outlives the runner's own timer, so that a result is always written.</summary>
    public static readonly TimeSpan DeadlineSlack = TimeSpan.FromMinutes(1);

    private const int User = 65532;
    private const int LongestPiece = 32 * 1024;

    /// <summary>Of a container that waits, and then has a builder work.</summary>
    private static readonly Dictionary<string, ResourceQuantity> Little = new() { ["cpu"] = new("1m"), ["memory"] = new("64Mi"), ["ephemeral-storage"] = new("16Mi") };

    private static readonly string[] LostNodeTaints = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
    private static readonly TimeSpan LostNodePatience = TimeSpan.FromSeconds(30);

    public static V1Job Of(JobShape shape, JobOptions options)
    {
        var metadata = shape.Metadata;
        metadata.Labels = new Dictionary<string, string>(metadata.Labels) { [SlipwayApi.RoleLabel] = shape.Role };
        metadata.Annotations = new Dictionary<string, string>(metadata.Annotations ?? new Dictionary<string, string>())
        {
            [SlipwayApi.AttemptAnnotation] = shape.Attempt.ToString(CultureInfo.InvariantCulture),
        };
        return new V1Job
        {
            ApiVersion = "batch/v1",
            Kind = "Job",
            Metadata = metadata,
            Spec = new V1JobSpec
            {
                BackoffLimit = 0,
                PodReplacementPolicy = options.ServerKnowsPodReplacementPolicy ? "Failed" : null,
                Template = new V1PodTemplateSpec
                {
                    Metadata = new V1ObjectMeta { Labels = new Dictionary<string, string>(metadata.Labels) },
                    Spec = Pod(shape, options),
                },
            },
        };
    }

    /// <summary>What a container of it was told.</summary>
    public static string DescriptionOf(V1Job job, string container) =>
        job.Spec.Template.Spec.Containers.FirstOrDefault(candidate => candidate.Name == container)?.Args is not { } arguments ? ""
        : string.Concat(arguments.Skip(1).Chunk(2).Where(pair => pair is ["--description", _]).Select(pair => pair[1].Replace("$$", "$", StringComparison.Ordinal)));

    public static int Seconds(TimeSpan time) => (int)Math.Ceiling(time.TotalSeconds);

    private static V1PodSpec Pod(JobShape shape, JobOptions options) => new()
    {
        RestartPolicy = "Never",
        ActiveDeadlineSeconds = Seconds(shape.Timeout + DeadlineSlack + (shape.Companion is { } companion ? companion.Timeout + DeadlineSlack : TimeSpan.Zero)),
        TerminationGracePeriodSeconds = Seconds(Grace),
        AutomountServiceAccountToken = false,
        EnableServiceLinks = false,
        ServiceAccountName = string.IsNullOrEmpty(shape.Template?.ServiceAccountName) ? null : shape.Template.ServiceAccountName,
        NodeSelector = NodeSelector(shape, options),
        Tolerations = [.. shape.Template?.Tolerations ?? [], .. ShortOnLostNodes()],
        Affinity = Affinity(options),
        SecurityContext = new V1PodSecurityContext
        {
            RunAsNonRoot = true,
            RunAsUser = User,
            RunAsGroup = User,
            FsGroup = User,
            SeccompProfile = new V1SeccompProfile { Type = "RuntimeDefault" },
        },
        Containers = [.. Containers(shape, options)],
        Volumes = [.. shape.Volumes.Select(volume => volume.Volume), new V1Volume { Name = "tmp", EmptyDir = new V1EmptyDirVolumeSource() }],
    };

    private static IEnumerable<V1Container> Containers(JobShape shape, JobOptions options)
    {
        var resources = shape.Template?.Resources ?? new V1ResourceRequirements
        {
            Requests = new Dictionary<string, ResourceQuantity> { ["cpu"] = new("50m"), ["memory"] = new("64Mi") },
            Limits = new Dictionary<string, ResourceQuantity> { ["memory"] = new("512Mi") },
        };
        yield return Container(shape, options, JobContainers.Runner, shape.Role, shape.Description, resources);
        if (shape.Companion is { } companion) yield return Container(shape, options, companion.Container, companion.Verb, companion.Description, WhileAnotherWorks(resources));
    }

    /// <summary>
    /// A pod asks for the sum of its containers, and of these two one works at a time, on a builder at that: a little more than the first
    /// one has asked for. Said of all that the first one says, since unsaid the request would be the limit.
    /// </summary>
    private static V1ResourceRequirements WhileAnotherWorks(V1ResourceRequirements resources)
    {
        var said = (resources.Requests ?? new Dictionary<string, ResourceQuantity>()).Concat(resources.Limits ?? new Dictionary<string, ResourceQuantity>()).ToLookup(named => named.Key, named => named.Value);
        return new V1ResourceRequirements
        {
            Requests = Little.Where(little => little.Key == "cpu" || said.Contains(little.Key))
                .ToDictionary(little => little.Key, little => said[little.Key].Append(little.Value).MinBy(quantity => quantity.ToDecimal())!),
            Limits = resources.Limits?.Where(limit => Little.ContainsKey(limit.Key)).ToDictionary(),
        };
    }

    private static V1Container Container(JobShape shape, JobOptions options, string name, string verb, string description, V1ResourceRequirements resources) => new()
    {
        Name = name,
        Image = options.RunnerImage,
        Args = [verb, .. Pieces(description).SelectMany(piece => new[] { "--description", Literal(piece) })],
        TerminationMessagePolicy = "File",
        Resources = resources,
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

    /// <summary>Kubernetes lets pods stay for five minutes on a node that does not answer.</summary>
    private static IEnumerable<V1Toleration> ShortOnLostNodes() => LostNodeTaints.Select(taint =>
        new V1Toleration { Key = taint, OperatorProperty = "Exists", Effect = "NoExecute", TolerationSeconds = (long)LostNodePatience.TotalSeconds });

    private static Dictionary<string, string>? NodeSelector(JobShape shape, JobOptions options)
    {
        var selector = new Dictionary<string, string>(options.NodeSelector);
        foreach (var (name, value) in shape.Template?.NodeSelector ?? new Dictionary<string, string>()) selector[name] = value;
        return selector.Count == 0 ? null : selector;
    }

    private static V1Affinity Affinity(JobOptions options) => new()
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
}
