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

    public bool Succeeded => Result is { Failure: null };

    public bool Failed => Result is { Failure: not null };

    public bool Done => Result is not null;
}
