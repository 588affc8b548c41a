using k8s;
using Slipway.Kube.Leadership;

namespace Slipway.Kube;

/// <summary>Everything that can be set about the controller layer. The defaults are those of client-go and controller-runtime where they have one.</summary>
internal sealed record OperatorOptions
{
    /// <summary>How to reach the cluster. Has to be set.</summary>
    public KubernetesClientConfiguration? Cluster { get; set; }

    /// <summary>The field manager of every apply.</summary>
    public string FieldManager { get; set; } = "slipway";

    /// <summary>A person who changes this annotation of an object asks for a pass.</summary>
    public string ReconcileAnnotation { get; set; } = "slipway.dev/reconcile-at";

    /// <summary>What was last applied to an object, as a hash.</summary>
    public string AppliedAnnotation { get; set; } = "slipway.dev/applied";

    /// <summary>For one request, retries included; watches are not bound by it.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Passes that one controller runs at once.</summary>
    public int Workers { get; set; } = 4;

    /// <summary>For one pass.</summary>
    public TimeSpan ReconcileTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Between passes of a key that fails. It never gives up.</summary>
    public Backoff RetryBackoff { get; set; } = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(5));

    /// <summary>Between passes of a key that meet a newer version: a store is behind by moments.</summary>
    public TimeSpan LongestConflictWait { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long all informers together may take for their first lists, until the process gives up.</summary>
    public TimeSpan SyncLimit { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How long passes may go on after the order to stop. They are cancelled then, and abandoned 2 s later.</summary>
    public TimeSpan DrainLimit { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>An informer that heard nothing for this long makes the process unhealthy.</summary>
    public TimeSpan SilenceLimit { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Null: this process leads from the start, and there must be no other.</summary>
    public LeaderElectionOptions? LeaderElection { get; set; }

    public InformerOptions Informers { get; set; } = new();

    /// <summary>Makes what stands between each client and the wire. Tests end the operator there, at a request of their choice.</summary>
    public Func<DelegatingHandler>? Wire { get; set; }

    /// <summary>Chance, from 0 up to 1: spreads what would otherwise happen at once.</summary>
    public Func<double> Jitter { get; set; } = Random.Shared.NextDouble;
}

/// <summary>How informers list and watch.</summary>
internal sealed record InformerOptions
{
    public int PageSize { get; init; } = 500;

    /// <summary>A watch asks the server to end it after this long, and up to as much again by chance.</summary>
    public TimeSpan WatchTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long past its end a silent watch may last until its connection counts as dead.</summary>
    public TimeSpan WatchGrace { get; init; } = TimeSpan.FromSeconds(30);

    public Backoff Backoff { get; init; } = new(TimeSpan.FromSeconds(0.8), TimeSpan.FromSeconds(30)) { JitterFactor = 1 };

    /// <summary>Failures further apart than this do not add up.</summary>
    public TimeSpan BackoffReset { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>A watch that ended sooner was no success, even if the server ended it politely.</summary>
    public TimeSpan ShortestWatch { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>After so many failures in a row the resourceVersion is no longer trusted, and the informer lists anew.</summary>
    public int FailuresBeforeRelist { get; init; } = 5;
}
