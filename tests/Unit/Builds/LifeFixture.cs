using Slipway.Api;
using Slipway.Builds;
using Slipway.JobPods;
using Slipway.Runner;
using static Slipway.Tests.Unit.Builds.BuildFixture;

namespace Slipway.Tests.Unit.Builds;

/// <summary>Statuses in the life of a build of two platforms, of which one was tried twice, and its Jobs.</summary>
internal static class LifeFixture
{
    public static string Key => BuildKey.Of(Build(Amd64, Arm64).Spec);

    public static readonly FailedAttempt Lost = new()
    {
        Role = JobRoles.Build,
        Platform = Arm64,
        Attempt = 1,
        Builder = "farm-linux-arm64-0",
        Class = nameof(FailureClass.Infrastructure),
        Reason = FailureReasons.BuilderLost,
        At = At(40),
    };

    /// <summary>Asked for at 0, resolved until 5, waited until 10, built amd64 until 51 and arm64 until 120, published until 130.</summary>
    public static ImageBuildStatus Building => new()
    {
        BuildKey = Key,
        Phase = Phases.Building,
        Commit = Commit,
        RequestedAt = At(0),
        StartedAt = At(10),
        Platforms = [Running(Amd64, 10, 1), Running(Arm64, 10, 1)],
    };

    public static ImageBuildStatus Retrying => Building with
    {
        Platforms = [Succeeded(Running(Amd64, 10, 1), "41s"), Running(Arm64, 10, 1)],
        FailedAttempts = [Lost],
    };

    public static ImageBuildStatus Publishing => Retrying with
    {
        Phase = Phases.Publishing,
        Platforms = [Succeeded(Running(Amd64, 10, 1), "41s"), Succeeded(Running(Arm64, 60, 2), "1m")],
    };

    public static ImageBuildStatus Done => Publishing with
    {
        Phase = Phases.Succeeded,
        IndexDigest = Digest("index"),
        Tags = ["1.0", "latest"],
        CompletedAt = At(131),
    };

    public static ImageBuildStatus Broken => Building with
    {
        Phase = Phases.Failed,
        Platforms = [Succeeded(Running(Amd64, 10, 1), "41s"), Broke(Running(Arm64, 10, 1), FailureClass.User, FailureReasons.RunStepFailed)],
        Failure = Failure(FailureClass.User, FailureReasons.RunStepFailed),
        CompletedAt = At(60),
    };

    public static IReadOnlyList<BuildJob> Jobs =>
    [
        Job(JobRoles.Prepare, null, 1, 1, 5), Job(JobRoles.Build, Amd64, 1, 10, 51), Job(JobRoles.Build, Arm64, 1, 10, 39),
        Job(JobRoles.Build, Arm64, 2, 60, 120), Job(JobRoles.Publish, null, 1, 121, 130),
    ];

    /// <summary>A pass over a build of that status.</summary>
    public static BuildSnapshot Pass(ImageBuildStatus? before, params IReadOnlyList<BuildJob> jobs) =>
        Snapshot(Build(Amd64, Arm64) with { Status = before }) with { Jobs = jobs };

    public static DateTime At(int seconds) => Now.UtcDateTime.AddSeconds(seconds);

    public static PlatformBuildStatus Running(string platform, int from, int attempts) => new()
    {
        Platform = platform,
        Phase = PlatformPhases.Building,
        StartedAt = At(from),
        Builder = $"farm-{Platform.Parse(platform).Dashed}-{attempts - 1}",
        Attempts = attempts,
        Queued = "4s",
    };

    public static PlatformBuildStatus Succeeded(PlatformBuildStatus platform, string duration) =>
        platform with { Phase = PlatformPhases.Succeeded, Duration = duration, ImageDigest = Digest($"image-{platform.Platform}"), PushedDigest = Digest(platform.Platform) };

    public static PlatformBuildStatus Broke(PlatformBuildStatus platform, FailureClass failure, string reason) =>
        platform with { Phase = PlatformPhases.Failed, Duration = "30s", Failure = Failure(failure, reason) };

    public static BuildFailure Failure(FailureClass failure, string reason) =>
        new() { Class = failure.ToString(), Reason = reason, Message = "It went wrong.", Step = "[build 3/5] RUN make SECRET=hunter2" };

    public static BuildJob Job(string role, string? platform, int attempt, int from, int? to)
    {
        var notes = new Dictionary<string, string> { [SlipwayApi.AttemptAnnotation] = $"{attempt}" };
        if (platform is not null) notes[SlipwayApi.PlatformAnnotation] = platform;
        var state = to is { } end
            ? new k8s.Models.V1ContainerState { Terminated = new k8s.Models.V1ContainerStateTerminated { FinishedAt = At(end) } }
            : new k8s.Models.V1ContainerState { Running = new k8s.Models.V1ContainerStateRunning() };
        var pod = new k8s.Models.V1Pod { Status = new k8s.Models.V1PodStatus { ContainerStatuses = [new k8s.Models.V1ContainerStatus { Name = JobContainers.Runner, State = state }] } };
        return new BuildJob(
            new k8s.Models.V1Job
            {
                Metadata = new k8s.Models.V1ObjectMeta
                {
                    Name = $"{role}-{attempt}",
                    CreationTimestamp = At(from),
                    Annotations = notes,
                    Labels = new Dictionary<string, string> { [SlipwayApi.RoleLabel] = role, [SlipwayApi.BuildKeyLabel] = Key },
                },
            },
            [pod]);
    }
}
