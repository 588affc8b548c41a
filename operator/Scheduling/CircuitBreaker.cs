namespace Slipway.Scheduling;

/// <summary>
/// Whether builds are sent to a builder that nobody watches: not for a while after one that did not reach it, then one at a time until
/// one does.
/// </summary>
internal sealed record CircuitBreaker
{
    public static readonly CircuitBreaker Closed = new();
    public static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(30);
    public static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    /// <summary>Of tries, one after the other.</summary>
    public int Failures { get; private init; }

    /// <summary>When the next build may try; null while nothing is known against the builder.</summary>
    public DateTimeOffset? OpenUntil { get; private init; }

    public CircuitState At(DateTimeOffset now) => OpenUntil is not { } until ? CircuitState.Closed
        : now < until ? CircuitState.Open : CircuitState.HalfOpen;

    /// <summary>What ends while it is open had begun before: that it failed too says nothing new.</summary>
    public CircuitBreaker After(bool reached, DateTimeOffset now) => reached ? Closed
        : At(now) == CircuitState.Open ? this
        : new CircuitBreaker { Failures = Failures + 1, OpenUntil = now + Pause(Failures) };

    private static TimeSpan Pause(int failuresBefore) =>
        failuresBefore >= 4 ? LongestPause : FirstPause * (1 << failuresBefore);
}

internal enum CircuitState
{
    /// <summary>The builder takes builds.</summary>
    Closed,

    /// <summary>It takes none.</summary>
    Open,

    /// <summary>It takes one, to see.</summary>
    HalfOpen,
}
