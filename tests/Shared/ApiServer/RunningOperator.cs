using k8s;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Slipway.Kube.Controllers;

namespace Slipway.Tests.ApiServer;

/// <summary>The operator as Program.cs puts it together, in this process.</summary>
internal sealed class RunningOperator : IAsyncDisposable
{
    /// <summary>What the tests' kube-apiserver is.</summary>
    private static readonly Version Server = new(1, 20);

    private readonly WebApplication _app;

    private RunningOperator(WebApplication app) => _app = app;

    /// <summary>Returns when its stores are filled and it works.</summary>
    public static async Task<RunningOperator> StartAsync(OperatorSettings settings, KubernetesClientConfiguration cluster)
    {
        var app = OperatorHost.Build(settings, cluster, Server);
        await app.StartAsync();
        var health = app.Services.GetRequiredService<OperatorHealth>();
        await Eventually.SoAsync("the operator is ready", () => Task.FromResult(health.Ready), ready => ready);
        return new RunningOperator(app);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }
}
