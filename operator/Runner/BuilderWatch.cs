namespace Slipway.Runner;

/// <summary>
/// Gives a builder up. buildctl waits for ever on a connection whose other end is gone without a word (a node that lost
/// power, a network that drops packets), and a quiet build is nothing unusual: so a builder that is silent is asked, and one
/// that does not answer three times in a row is gone. One late answer is a busy daemon.
/// </summary>
internal sealed class BuilderWatch
{
    private const int MaxFailures = 3;

    private int _failures;

    /// <summary>True once the builder has been silent and without an answer three times in a row.</summary>
    public bool Observe(bool alive)
    {
        _failures = alive ? 0 : _failures + 1;
        return _failures >= MaxFailures;
    }
}
