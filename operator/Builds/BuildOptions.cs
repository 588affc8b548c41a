using Slipway.JobPods;

namespace Slipway.Builds;

/// <summary>What the installer decides about builds.</summary>
internal sealed record BuildOptions
{
    public static readonly TimeSpan DefaultUnschedulableAfter = TimeSpan.FromMinutes(5);
    public static readonly TimeSpan DefaultNotStartedAfter = TimeSpan.FromMinutes(1);

    public required JobOptions Jobs { get; init; }

    /// <summary>How long a Job may be without a pod, or its pod without a node, before the build is given up; autoscalers need a few minutes.</summary>
    public TimeSpan UnschedulableAfter { get; init; } = DefaultUnschedulableAfter;

    /// <summary>How long a Job's image may fail to be pulled, or a Job may have no pod, before the build is given up.</summary>
    public TimeSpan NotStartedAfter { get; init; } = DefaultNotStartedAfter;

    /// <summary>How long Jobs of successful builds stay for their logs.</summary>
    public TimeSpan KeepSucceeded { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long Jobs of failed builds stay for their logs.</summary>
    public TimeSpan KeepFailed { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Somebody takes traces: Jobs are told their context.</summary>
    public bool Traces { get; init; }
}
