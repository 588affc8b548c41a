using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Slipway.Kube.Client;
using Slipway.Kube.Controllers;

namespace Slipway.Kube.Leadership;

/// <summary>
/// Leader election on a Lease, after client-go's: whoever sees no renewal for the length of the lease, by its own clock, may take it.
/// Unlike there, who waits watches: a lease that is given back is taken in the same moment, and waiting costs no polling.
/// </summary>
[EntityRbac(typeof(Lease), Verbs = RbacVerb.Get | RbacVerb.Watch | RbacVerb.Create | RbacVerb.Patch, OwnNamespace = true)]
internal sealed partial class LeaderElector(
    IKubeClient client, LeaderElectionOptions options, Func<double> jitter, TimeProvider time, ILogger<LeaderElector> logger) : ILeadership
{
    // A watch counts as silent a little after the lease has ended by the same clock, not a little before.
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(100);

    // What was last seen of the lease, and when it was first seen so.
    private LeaseSpec? _seen;
    private long _seenAt;
    private string? _version;
    private long _renewedAt;
    private volatile bool _leading;

    public bool IsLeader => _leading;

    public async Task AcquireAsync(CancellationToken cancellationToken)
    {
        while (!_leading)
        {
            try
            {
                var lease = await ReadAsync(cancellationToken);
                if (lease.IsFree || HasEnded(lease.Spec!))
                {
                    await TakeAsync(lease, cancellationToken);
                }
                else
                {
                    await WatchAsync(lease, cancellationToken);
                }
            }
            catch (KubeApiException refused) when (refused.IsConflict)
            {
                // Somebody else was quicker.
            }
            catch (Exception exception) when (IsOfTheWorld(exception, cancellationToken))
            {
                LogCannotAcquire(options.Lease, exception.Message);
                await Task.Delay(options.RetryPeriod * (1 + (0.2 * jitter())), time, cancellationToken);
            }
        }
    }

    public async Task HoldAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                await Task.Delay(options.RetryPeriod, time, cancellationToken);
                await RenewAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
        catch (LeadershipLostException)
        {
            _leading = false;
            throw;
        }
    }

    public async Task ReleaseAsync()
    {
        if (!_leading)
        {
            return;
        }

        _leading = false;
        try
        {
            // One second and no holder: older clients that know nothing of an empty name see a lease that is over.
            var spec = new JsonObject { ["holderIdentity"] = "", ["leaseDurationSeconds"] = 1, ["renewTime"] = Now() };
            using var limit = new CancellationTokenSource(options.RetryPeriod, time);
            await client.PatchAsync<Lease>(options.Lease, LeaseSpec.Patch(_version, spec), limit.Token);
            LogReleased(options.Lease);
        }
        catch (Exception exception) when (IsOfTheWorld(exception, CancellationToken.None))
        {
            LogCannotRelease(options.Lease, exception.Message);
        }
    }

    private async Task<Lease> ReadAsync(CancellationToken cancellationToken)
    {
        var lease = await client.GetOrDefaultAsync<Lease>(options.Lease, cancellationToken);
        if (lease is null)
        {
            var empty = new Lease { Metadata = new() { Name = options.Lease.Name, NamespaceProperty = options.Lease.Namespace } };
            lease = await client.CreateAsync(empty, cancellationToken);
        }

        See(lease);
        return lease;
    }

    private async Task TakeAsync(Lease lease, CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        var spec = new JsonObject
        {
            ["holderIdentity"] = options.Identity,
            ["leaseDurationSeconds"] = (int)options.LeaseDuration.TotalSeconds,
            ["acquireTime"] = Now(),
            ["renewTime"] = Now(),
            ["leaseTransitions"] = (lease.Spec?.LeaseTransitions ?? 0) + 1,
        };
        var taken = await client.PatchAsync<Lease>(options.Lease, LeaseSpec.Patch(lease.Metadata.ResourceVersion, spec), cancellationToken);
        (_version, _renewedAt, _leading) = (taken.Metadata.ResourceVersion, asked, true);
        LogLeading(options.Lease, options.Identity);
    }

    /// <summary>Until the lease is free, or nobody has renewed it for its length, or the server ends the watch.</summary>
    private async Task WatchAsync(Lease held, CancellationToken cancellationToken)
    {
        var query = new WatchQuery
        {
            Namespace = options.Lease.Namespace,
            FieldSelector = $"metadata.name={options.Lease.Name}",
            ResourceVersion = held.Metadata.ResourceVersion,
            Silence = LengthOf(held.Spec!) + Slack,
        };
        var opened = time.GetTimestamp();
        try
        {
            await foreach (var change in client.WatchAsync<Lease>(query, cancellationToken))
            {
                if (change is { Kind: WatchEventKind.Deleted } or { Object.IsFree: true })
                {
                    return;
                }

                if (change.Object is { } lease)
                {
                    See(lease);
                }
            }
        }
        catch (TimeoutException)
        {
            // Silence is what a dead leader sounds like. A dead connection too: whoever takes the lease looks first.
            return;
        }

        if (time.GetElapsedTime(opened) < options.RetryPeriod)
        {
            throw new IOException("The server ended the watch at once.");
        }
    }

    private void See(Lease lease)
    {
        if (lease.Spec == _seen)
        {
            return;
        }

        if (lease.Spec?.HolderIdentity != _seen?.HolderIdentity && !lease.IsFree)
        {
            LogWaiting(options.Lease, lease.Spec!.HolderIdentity!);
        }

        (_seen, _seenAt) = (lease.Spec, time.GetTimestamp());
    }

    private bool HasEnded(LeaseSpec spec) => time.GetElapsedTime(_seenAt) >= LengthOf(spec);

    private static TimeSpan LengthOf(LeaseSpec spec) => TimeSpan.FromSeconds(spec.LeaseDurationSeconds ?? 0);

    /// <summary>One renewal, tried until it is done or the deadline has passed.</summary>
    private async Task RenewAsync(CancellationToken cancellationToken)
    {
        var left = options.RenewDeadline - time.GetElapsedTime(_renewedAt);
        using var deadline = new CancellationTokenSource(left > TimeSpan.Zero ? left : TimeSpan.Zero, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            while (!await TryRenewAsync(linked.Token))
            {
                await Task.Delay(options.RetryPeriod, time, linked.Token);
            }
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LeadershipLostException($"The lease {options.Lease} could not be renewed for {options.RenewDeadline}.", exception);
        }
    }

    private async Task<bool> TryRenewAsync(CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        try
        {
            var renewed = await client.PatchAsync<Lease>(
                options.Lease, LeaseSpec.Patch(_version, new JsonObject { ["renewTime"] = Now() }), cancellationToken);
            (_version, _renewedAt) = (renewed.Metadata.ResourceVersion, asked);
            return true;
        }
        catch (Exception exception) when (IsOfTheWorld(exception, cancellationToken))
        {
            LogCannotRenew(options.Lease, exception.Message);
            if (exception is KubeApiException { IsConflict: true } or KubeApiException { IsNotFound: true })
            {
                await CheckHolderAsync(cancellationToken);
            }

            return false;
        }
    }

    /// <summary>A renewal whose answer was lost makes the next one a conflict, and is none of somebody else's.</summary>
    private async Task CheckHolderAsync(CancellationToken cancellationToken)
    {
        try
        {
            var lease = await client.GetOrDefaultAsync<Lease>(options.Lease, cancellationToken);
            if (lease?.Spec?.HolderIdentity != options.Identity)
            {
                throw new LeadershipLostException($"The lease {options.Lease} is held by {lease?.Spec?.HolderIdentity ?? "nobody"}.");
            }

            _version = lease.Metadata.ResourceVersion;
        }
        catch (Exception exception) when (IsOfTheWorld(exception, cancellationToken))
        {
            LogCannotRenew(options.Lease, exception.Message);
        }
    }

    private string Now() => LeaseSpec.MicroTime(time.GetUtcNow());

    /// <summary>What servers and networks do, and may have stopped doing a moment later.</summary>
    private static bool IsOfTheWorld(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        KubeApiException or HttpRequestException or IOException or TimeoutException => true,
        _ => false,
    };

    [LoggerMessage(LogLevel.Information, "Leading: {Identity} has the lease {Lease}")]
    private partial void LogLeading(NamespacedName lease, string identity);

    [LoggerMessage(LogLevel.Information, "Standing by: {Holder} has the lease {Lease}")]
    private partial void LogWaiting(NamespacedName lease, string holder);

    [LoggerMessage(LogLevel.Warning, "Cannot get at the lease {Lease}, trying again: {Message}")]
    private partial void LogCannotAcquire(NamespacedName lease, string message);

    [LoggerMessage(LogLevel.Warning, "Could not renew the lease {Lease}: {Message}")]
    private partial void LogCannotRenew(NamespacedName lease, string message);

    [LoggerMessage(LogLevel.Information, "Gave the lease {Lease} back")]
    private partial void LogReleased(NamespacedName lease);

    [LoggerMessage(LogLevel.Warning, "Could not give the lease {Lease} back; it ends by itself: {Message}")]
    private partial void LogCannotRelease(NamespacedName lease, string message);
}
