namespace Slipway.Builds;

/// <summary>One Job's run, as far as status and what is left of the Job tell of it.</summary>
internal sealed record BuildAttempt
{
    /// <summary>One of <see cref="JobRoles"/>.</summary>
    public required string Role { get; init; }

    /// <summary>Null where the role is not build.</summary>
    public string? Platform { get; init; }

    /// <summary>1 for the first.</summary>
    public required int Number { get; init; }

    public string? Builder { get; init; }

    /// <summary>Null where the Job is gone and nobody has noted it.</summary>
    public DateTimeOffset? Start { get; init; }

    public DateTimeOffset? End { get; init; }

    /// <summary>Null where it has not failed: it succeeded, or still runs.</summary>
    public string? Class { get; init; }

    public string? Reason { get; init; }

    public bool Succeeded { get; init; }

    /// <summary>Null where either end of it is unknown.</summary>
    public TimeSpan? Took => End - Start is { } took ? took < TimeSpan.Zero ? TimeSpan.Zero : took : null;
}
