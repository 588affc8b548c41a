using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Slipway.Tests.E2E.Faults;
using Slipway.Tests.S3;

namespace Slipway.Tests.E2E.RemoteCache;

/// <summary>
/// Stands before the cluster's S3 server, for one test, on an address that pods reach, and does what the test's script says. What that says
/// nothing of goes through as it is.
/// </summary>
internal sealed class S3Proxy : IAsyncDisposable
{
    private readonly S3Forwarder _server;
    private readonly WebApplication _app;

    private S3Proxy(string real, IPAddress address)
    {
        _server = new S3Forwarder(real);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.Limits.MaxRequestBodySize = null;
            options.Limits.MinRequestBodyDataRate = null;
            options.Limits.MinResponseDataRate = null;
            options.Listen(address, 0, listen => listen.Protocols = HttpProtocols.Http1);
        });
        _app = builder.Build();
        _app.Run(context => Script.PlayAsync(context, () => _server.ForwardAsync(context), forwardChanged: null));
    }

    public RegistryScript Script { get; } = new();

    public string Url => _app.Urls.Single();

    public static async Task<S3Proxy> StartAsync(ClusterFixture fixture)
    {
        var proxy = new S3Proxy(fixture.S3.Endpoint, IPAddress.Parse(fixture.Cluster.HostAddress!));
        await proxy._app.StartAsync();
        return proxy;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _server.Dispose();
    }
}
