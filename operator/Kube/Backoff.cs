namespace Slipway.Kube;

/// <summary>Waits that double from <see cref="First"/> to <see cref="Max"/>, plus up to <see cref="JitterFactor"/> of the wait itself.</summary>
internal sealed record Backoff(TimeSpan First, TimeSpan Max)
{
    /// <summary>Share of the wait that chance may add, so that many waiters spread.</summary>
    public double JitterFactor { get; init; } = 0.1;

    /// <summary>The wait after <paramref name="failures"/> failures in a row (the first is 1).</summary>
    /// <param name="failures">How many failures there were, this one included.</param>
    /// <param name="chance">A number from 0 up to 1.</param>
    public TimeSpan Delay(int failures, double chance)
    {
        // The exponent is capped: 2^30 of anything is past every Max, and far beyond it the product would overflow.
        var wait = First * Math.Pow(2, Math.Clamp(failures - 1, 0, 30));
        return (wait < Max ? wait : Max) * (1 + (JitterFactor * chance));
    }
}
