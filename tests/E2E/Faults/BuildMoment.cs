namespace Slipway.Tests.E2E.Faults;

/// <summary>One moment in the life of one build, which is there for this moment alone.</summary>
internal sealed record BuildMoment
{
    public required string Name { get; init; }

    /// <summary>The build's name.</summary>
    public required string Build { get; init; }

    /// <summary>It is held before its moment: it may be created before its turn has come.</summary>
    public bool IsHeld { get; init; }

    public required Func<Task> CreateAsync { get; init; }

    /// <summary>Returns in the moment, or as soon after it as a watch can tell.</summary>
    public required Func<Task> ArriveAsync { get; init; }

    /// <summary>What held the build does so no longer.</summary>
    public Action GoOn { get; init; } = () => { };
}
