namespace Slipway.Builds;

/// <summary>Phases of a build. docs/status.md holds the table of phases and conditions.</summary>
internal static class Phases
{
    public const string Pending = nameof(Pending);
    public const string Queued = nameof(Queued);
    public const string Building = nameof(Building);
    public const string Publishing = nameof(Publishing);
    public const string Succeeded = nameof(Succeeded);
    public const string Failed = nameof(Failed);
    public const string Cancelled = nameof(Cancelled);
    public const string Superseded = nameof(Superseded);
}

/// <summary>Phases of one platform of a build.</summary>
internal static class PlatformPhases
{
    public const string Pending = nameof(Pending);
    public const string Queued = nameof(Queued);
    public const string Building = nameof(Building);
    public const string Succeeded = nameof(Succeeded);
    public const string Failed = nameof(Failed);

    /// <summary>The build ended before this platform had.</summary>
    public const string Cancelled = nameof(Cancelled);
}
