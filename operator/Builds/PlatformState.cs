using Slipway.Api;
using Slipway.Runner;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>How one platform stands: what status already holds, overlaid with what its Job and pod tell now.</summary>
internal sealed record PlatformState
{
    public required Platform Platform { get; init; }

    public PlatformBuildStatus? Before { get; init; }

    /// <summary>The Job of the current attempt, or null where there is none (not yet, or no more).</summary>
    public BuildJob? Job { get; init; }

    /// <summary>What the Job reported, from its pod or from status; null while there is nothing.</summary>
    public RunResult? Result { get; init; }

    public SlotAnswer? Slot { get; init; }

    /// <summary>Decided with the Job and kept: Native, Emulated or External.</summary>
    public string? Mode => Before?.Mode ?? Job?.Mode ?? Slot?.Builder?.Mode;

    /// <summary>A Job was made for it, whether or not it is still there.</summary>
    public bool Started => Job is not null || Before?.StartedAt is not null;

    public bool Succeeded => Result is { Failure: null };

    public bool Failed => Result is { Failure: not null };

    public bool Done => Result is not null;
}
