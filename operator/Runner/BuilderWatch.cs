using System.Net.Sockets;

namespace Slipway.Runner;

/// <summary>
/// Gives a builder up. buildctl waits for ever on a connection whose other end is gone without a word (a node that lost
/// power), and a quiet build is nothing unusual: so only silence together with a port that cannot be reached counts.
/// </summary>
internal sealed class BuilderWatch(TimeSpan patience)
{
    private DateTimeOffset? _unreachableSince;

    /// <summary>True once the builder has been silent and out of reach for the whole of the patience.</summary>
    public bool Observe(DateTimeOffset now, DateTimeOffset lastHeard, bool reachable)
    {
        if (reachable)
        {
            _unreachableSince = null;
            return false;
        }

        _unreachableSince ??= now;
        var since = lastHeard > _unreachableSince ? lastHeard : _unreachableSince.Value;
        return now - since >= patience;
    }
}

internal interface IBuilderProbe
{
    /// <summary>Whether a TCP connection to tcp://host:port comes about.</summary>
    Task<bool> IsReachableAsync(string address, CancellationToken token);
}

internal sealed class BuilderProbe(TimeProvider time) : IBuilderProbe
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    public async Task<bool> IsReachableAsync(string address, CancellationToken token)
    {
        var url = new Uri(address);
        using var timeout = new CancellationTokenSource(ConnectTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, timeout.Token);
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(url.IdnHost, url.Port, either.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            return false;
        }
    }
}
