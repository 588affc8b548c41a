using System.Net;
using System.Net.Sockets;

namespace Slipway.Tests.E2E.Faults;

/// <summary>An address on which nobody listens until it is opened; from then on, another host's.</summary>
internal sealed class TcpRelay : IAsyncDisposable
{
    private readonly IPEndPoint _own;
    private readonly (string Host, int Port) _other;
    private readonly CancellationTokenSource _closed = new();
    private Task _serving = Task.CompletedTask;

    private TcpRelay(IPEndPoint own, (string Host, int Port) other)
    {
        _own = own;
        _other = other;
    }

    public string Address => _own.ToString();

    /// <summary>On a port that is free now.</summary>
    public static TcpRelay Closed(string address, string host, int port)
    {
        using var probe = new TcpListener(IPAddress.Parse(address), 0);
        probe.Start();
        return new TcpRelay((IPEndPoint)probe.LocalEndpoint, (host, port));
    }

    public void Open()
    {
        var listener = new TcpListener(_own);
        listener.Start();
        _serving = ServeAsync(listener);
    }

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await _serving;
        _closed.Dispose();
    }

    private async Task ServeAsync(TcpListener listener)
    {
        var calls = new List<Task>();
        try
        {
            while (true) calls.Add(RelayAsync(await listener.AcceptTcpClientAsync(_closed.Token)));
        }
        catch (OperationCanceledException)
        {
            listener.Stop();
        }

        await Task.WhenAll(calls);
    }

    private async Task RelayAsync(TcpClient client)
    {
        using var near = client;
        using var far = new TcpClient();
        try
        {
            await far.ConnectAsync(_other.Host, _other.Port, _closed.Token);
            await Task.WhenAny(near.GetStream().CopyToAsync(far.GetStream(), _closed.Token), far.GetStream().CopyToAsync(near.GetStream(), _closed.Token));
        }
        catch (Exception broken) when (broken is IOException or SocketException or OperationCanceledException)
        {
            // Whoever called sees it.
        }
    }
}
