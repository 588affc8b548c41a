using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using Slipway.Kube.Informers;

namespace Slipway.Scheduling;

internal static class SchedulingRegistration
{
    public static IServiceCollection AddScheduling(this IServiceCollection services) => services
        .AddSingleton(new StoreIndex<V1Pod>(PoolReader.PoolIndex, PoolReader.PoolOf))
        .AddSingleton(new StoreIndex<V1Job>(PoolReader.PoolIndex, PoolReader.PoolOf))
        .AddSingleton<Circuits>()
        .AddSingleton<PoolReader>()
        .AddSingleton<FarmMetrics>()
        .AddSingleton<Scheduler>()
        .AddSingleton<ISlots>(provider => provider.GetRequiredService<Scheduler>())
        .AddSingleton<IBuilderService>(provider => provider.GetRequiredService<Scheduler>())
        .AddSingleton<IQueueCounters>(provider => provider.GetRequiredService<Scheduler>())
        .AddSingleton<IPoolWatcher>(provider => provider.GetRequiredService<Scheduler>());
}
