using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Slipway.Api;

namespace Slipway.Tests.E2E.Faults;

/// <summary>
/// Stands before the cluster's registry, on an address that pods reach, and does what a test's script says: each test has its own, by
/// the namespace that a repository's path begins with. What no script says goes through as it is.
/// </summary>
internal sealed class RegistryProxy : IAsyncDisposable
{
    private const int PlainPort = 5081;
    private const int TokenPort = 5082;
    private const int TlsPort = 5444;
    private const int StrangePort = 5445;

    private readonly WebApplication _app;
    private readonly RegistryUpstream _upstream;
    private readonly TokenService _tokens;
    private readonly ScriptShelf _scripts = new();

    private RegistryProxy(TestRegistry real, string address, ProxyCertificate certificate)
    {
        _upstream = new RegistryUpstream(real);
        Plain = new TestRegistry($"{address}:{PlainPort}", real.User, real.Password, CaPath: null);
        WithTokens = new TestRegistry($"{address}:{TokenPort}", real.User, real.Password, CaPath: null);
        WithTls = new TestRegistry($"{address}:{TlsPort}", real.User, real.Password, certificate.CaPath);
        StrangeToThePool = WithTls with { Host = $"{address}:{StrangePort}" };
        _tokens = new TokenService($"http://{WithTokens.Host}", real);
        _app = Listen(IPAddress.Parse(address), certificate.Server);
    }

    public TestRegistry Plain { get; }

    /// <summary>Takes no password, but tokens of a service that does.</summary>
    public TestRegistry WithTokens { get; }

    /// <summary>By a CA that the pool is given.</summary>
    public TestRegistry WithTls { get; }

    /// <summary>The same, and the pool is not given its CA.</summary>
    public TestRegistry StrangeToThePool { get; }

    /// <summary>For a pool's spec.registries.</summary>
    public IReadOnlyList<PoolRegistry> OfThePool =>
    [
        new PoolRegistry { Host = Plain.Host, PlainHttp = true },
        new PoolRegistry { Host = WithTokens.Host, PlainHttp = true },
        new PoolRegistry { Host = WithTls.Host, Ca = WithTls.Ca },
    ];

    public static async Task<RegistryProxy> StartAsync(TestRegistry real, string address)
    {
        var proxy = new RegistryProxy(real, address, ProxyCertificate.Of(address));
        await proxy._app.StartAsync();
        return proxy;
    }

    /// <summary>What happens to requests for repositories of this namespace, and the record of them.</summary>
    public RegistryScript Of(Tenant tenant) => _scripts.Of(tenant.Name);

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _upstream.Dispose();
    }

    private WebApplication Listen(IPAddress address, X509Certificate2 certificate)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.Limits.MaxRequestBodySize = null;
            options.Limits.MinRequestBodyDataRate = null;
            options.Limits.MinResponseDataRate = null;
            options.Listen(address, PlainPort, Http1);
            options.Listen(address, TokenPort, Http1);
            options.Listen(address, TlsPort, WithCertificate);
            options.Listen(address, StrangePort, WithCertificate);
        }).UseKestrelHttpsConfiguration();
        var app = builder.Build();
        app.Run(AnswerAsync);
        return app;

        static void Http1(ListenOptions options) => options.Protocols = HttpProtocols.Http1;

        void WithCertificate(ListenOptions options)
        {
            Http1(options);
            options.UseHttps(certificate);
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var takesTokens = context.Connection.LocalPort == TokenPort;
        var path = context.Request.Path.Value ?? "";
        if (takesTokens && path == TokenService.Path)
        {
            var scope = await TokenService.ScopeAsync(context.Request);
            await _scripts.OfScope(scope).PlayAsync(context, () => _tokens.IssueAsync(context, scope), null);
            return;
        }

        await _scripts.OfPath(path).PlayAsync(
            context,
            () => takesTokens && !_tokens.Admits(context) ? Task.CompletedTask : _upstream.ForwardAsync(context, asOwner: takesTokens, change: null),
            change => _upstream.ForwardAsync(context, asOwner: takesTokens, change));
    }
}
