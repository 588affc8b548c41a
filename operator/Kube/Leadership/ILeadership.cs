namespace Slipway.Kube.Leadership;

/// <summary>Whether this process is the one that works. It is so from <see cref="AcquireAsync"/> to the end of <see cref="HoldAsync"/>.</summary>
internal interface ILeadership
{
    bool IsLeader { get; }

    /// <summary>Returns once this process leads; never throws for what the server or the network do.</summary>
    Task AcquireAsync(CancellationToken cancellationToken);

    /// <summary>Keeps the lease until cancelled, and returns then.</summary>
    /// <exception cref="LeadershipLostException">Others may lead now. There is nothing to be saved: stop working at once, and exit.</exception>
    Task HoldAsync(CancellationToken cancellationToken);

    /// <summary>Gives the lease back after the last pass, so that the next leader need not wait for its end. Never throws.</summary>
    Task ReleaseAsync();
}

internal sealed class LeadershipLostException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Without an election this process leads from the start: whoever runs two of them has two.</summary>
internal sealed class AlwaysLeader : ILeadership
{
    public bool IsLeader => true;

    public Task AcquireAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task HoldAsync(CancellationToken cancellationToken) =>
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public Task ReleaseAsync() => Task.CompletedTask;
}
