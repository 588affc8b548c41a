using Slipway.Api;
using Slipway.Runner;
using Slipway.Scheduling;

namespace Slipway.Builds;

/// <summary>How one platform stands: what status already holds, overlaid with what its Job and pod tell now.</summary>
internal sealed record PlatformState
{
    public required Platform Platform { get; init; }

    public PlatformBuildStatus? Before { get; init; }

    public Attempts Attempts { get; init; } = new();

    /// <summary>The Job of the current attempt, or null where there is none (not yet, or no more).</summary>
    public BuildJob? Job => Attempts.Job;

    /// <summary>What the Job reported, from its pod or from status; null while there is nothing.</summary>
    public RunResult? Result => Attempts.Result;

    /// <summary>Status says that the current attempt runs, whatever the store shows.</summary>
    public bool Begun => Attempts.Begun is not null;

    public SlotAnswer? Slot { get; init; }

    /// <summary>How writing the remote cache ended, after the build; null as long as nobody has told.</summary>
    public CacheExportResult? Export { get; init; }

    /// <summary>Decided with the Job and kept: Native, Emulated or External.</summary>
    public string? Mode => (Begun || Done ? Before?.Mode : null) ?? Job?.Mode ?? Slot?.Builder?.Mode;

    public bool Succeeded => Result is { Failure: null };

    public bool Failed => Result is { Failure: not null };

    public bool Done => Result is not null;
}
