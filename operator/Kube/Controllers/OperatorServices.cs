using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Slipway.Kube.Client;
using Slipway.Kube.Events;
using Slipway.Kube.Leadership;
using Slipway.Kube.Telemetry;
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
        services.TryAddSingleton<IKubeClient>(provider => Client(provider, options));
        services.AddSingleton<OperatorMetrics>();
        services.AddSingleton<Applier>();
        services.AddSingleton<Deleter>();
        services.AddSingleton<StatusWriter>();
        services.AddSingleton<EventSink>();
        services.AddSingleton<IEventRecorder>(provider => provider.GetRequiredService<EventSink>());
        services.AddSingleton<OperatorHealth>();
        AddLeadership(services, options);
        services.AddHostedService<OperatorService>();
        services.Configure<HostOptions>(host =>
        {
            host.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
            host.ShutdownTimeout = TimeSpan.FromSeconds(30);
        });
        return new OperatorBuilder(services);
    }

    /// <summary>
    /// The lease has a client of its own: its renewals wait neither behind lists nor for as long as other requests may.
    /// </summary>
    private static void AddLeadership(IServiceCollection services, OperatorOptions options)
    {
        if (options.LeaderElection is not { } election)
        {
            services.AddSingleton<ILeadership, AlwaysLeader>();
            return;
        }

        services.AddKeyedSingleton<IKubeClient>(
            election.Lease, (provider, _) => Client(provider, options with { RequestTimeout = election.RenewDeadline / 2 }));
        services.AddSingleton<ILeadership>(provider => Elector(provider, election, options));
    }

    private static LeaderElector Elector(IServiceProvider provider, LeaderElectionOptions election, OperatorOptions options)
    {
        var elector = new LeaderElector(
            provider.GetRequiredKeyedService<IKubeClient>(election.Lease), election, options.Jitter,
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<LeaderElector>>());
        provider.GetRequiredService<OperatorMetrics>().ReportLeader(election.Lease.Name, () => elector.IsLeader);
        return elector;
    }

    private static KubeClient Client(IServiceProvider provider, OperatorOptions options) =>
        new(options, provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<OperatorMetrics>());
}
