namespace Slipway.Scheduling;

/// <summary>
/// How many builders have been wanted lately. It rises at once, and falls to the highest that was wanted in a given time, so that a
/// short pause tears nothing down.
/// </summary>
internal sealed record Demand
{
    /// <summary>What was wanted before and is more than what is wanted now: the highest and oldest first.</summary>
    private IReadOnlyList<Peak> Peaks { get; init; } = [];

    private int Now { get; init; }

    /// <summary>The highest of late.</summary>
    public int Highest => Peaks.Count > 0 ? Peaks[0].Level : Now;

    /// <summary>Builders that are there at the start count as wanted until then.</summary>
    public static Demand StartingWith(int builders) => new() { Now = builders };

    /// <summary>Builders for so many builds, running or waiting: no more than these can use.</summary>
    public static int For(int builds, int buildsPerBuilder) => (builds + buildsPerBuilder - 1) / buildsPerBuilder;

    /// <summary>So many are wanted from now on. What was wanted until now stays wanted for <paramref name="idleAfter"/>.</summary>
    public Demand Next(int level, DateTimeOffset now, TimeSpan idleAfter) => new()
    {
        Now = level,
        Peaks = [.. Peaks.Append(new Peak(Now, now)).Where(peak => peak.Level > level && now < peak.Last + idleAfter)],
    };

    /// <summary>When the highest of late will be lower, if nothing else happens. Null where it is what is wanted now.</summary>
    public DateTimeOffset? FallsAt(TimeSpan idleAfter) => Peaks.Count > 0 ? Peaks[0].Last + idleAfter : null;

    private sealed record Peak(int Level, DateTimeOffset Last);
}
