namespace Slipway.Kube.Leadership;

/// <summary>The three times are client-go's.</summary>
internal sealed record LeaderElectionOptions
{
    public required NamespacedName Lease { get; init; }

    /// <summary>Who we are. A process that starts anew is somebody else, even under the same host name.</summary>
    public string Identity { get; init; } = $"{Environment.MachineName}_{Guid.NewGuid()}";

    /// <summary>How long after the last renewal that they have seen others leave the lease alone.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long after its last renewal the leader still leads. The rest of the lease is for what is under way to end.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Between two renewals, and between two attempts after a failure.</summary>
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(2);
}
