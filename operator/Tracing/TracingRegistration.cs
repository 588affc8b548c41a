using Microsoft.Extensions.DependencyInjection;

namespace Slipway.Tracing;

internal static class TracingRegistration
{
    public static IServiceCollection AddTracing(this IServiceCollection services, OtlpOptions options) => services
        .AddSingleton(options)
        .AddSingleton<TraceMetrics>()
        .AddSingleton<OtlpExporter>()
        .AddSingleton<ISpanExporter>(provider => provider.GetRequiredService<OtlpExporter>())
        .AddHostedService(provider => provider.GetRequiredService<OtlpExporter>());
}
