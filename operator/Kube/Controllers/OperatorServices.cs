using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Slipway.Kube.Client;
using Slipway.Kube.Writing;

namespace Slipway.Kube.Controllers;

internal static class OperatorServices
{
    /// <summary>
    /// Adds the controller layer: client, writers, health, and the service that runs what the builder is told next. A TimeProvider or
    /// an IKubeClient that is there already is kept.
    /// </summary>
    public static OperatorBuilder AddKubernetesOperator(this IServiceCollection services, Action<OperatorOptions>? configure = null)
    {
        var options = new OperatorOptions();
        configure?.Invoke(options);
        services.AddSingleton(options);
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IKubeClient, KubeClient>();
        services.AddSingleton<Applier>();
        services.AddSingleton<StatusWriter>();
        services.AddSingleton<OperatorHealth>();
        services.AddHostedService<OperatorService>();
        services.Configure<HostOptions>(host =>
        {
            host.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
            host.ShutdownTimeout = TimeSpan.FromSeconds(30);
        });
        return new OperatorBuilder(services);
    }
}
