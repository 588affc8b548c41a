using System.Globalization;
using System.Net;
using k8s;
using k8s.Autorest;
using k8s.Exceptions;
using k8s.Models;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Prometheus;
using Slipway.Api;
using Slipway.Api.Validation;
using Slipway.Builds;
using Slipway.Kube;
using Slipway.Kube.Controllers;
using Slipway.Kube.Leadership;
using Slipway.Kube.Telemetry;
using Slipway.Pki;
using Slipway.Pools;
using Slipway.Scheduling;
using Slipway.Tracing;

namespace Slipway;

internal sealed record OperatorSettings
{
    public string? Kubeconfig { get; init; }

    /// <summary>0 takes a free one.</summary>
    public required int HttpPort { get; init; }

    /// <summary>Null: there is no other operator.</summary>
    public LeaderElectionOptions? LeaderElection { get; init; }

    public required PkiOptions Pki { get; init; }

    public required PoolOptions Pools { get; init; }

    public required BuildOptions Builds { get; init; }

    /// <summary>Who takes traces; null: nobody, and nothing is kept for any.</summary>
    public OtlpOptions? Traces { get; init; }

    /// <summary>See <see cref="OperatorOptions.Wire"/>.</summary>
    public Func<DelegatingHandler>? Wire { get; init; }

    /// <summary>What is logged at least: warnings of the frameworks below are, too.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;
}

/// <summary>Puts the rooms together and runs them.</summary>
internal static class OperatorHost
{
    public static async Task<int> RunAsync(OperatorSettings settings, CancellationToken cancellationToken)
    {
        KubernetesClientConfiguration cluster;
        Version server;
        try
        {
            cluster = Cluster(settings.Kubeconfig);
            server = await ServerVersionAsync(cluster, cancellationToken);
        }
        catch (Exception unreachable) when (Explanation(unreachable, cancellationToken) is { } why)
        {
            await Console.Error.WriteLineAsync($"The API server cannot be reached: {why} Check --kubeconfig, or the pod's service account and network.");
            return 1;
        }

        await using var app = Build(settings, cluster, server);
        // Running ends with the services disposed.
        var health = app.Services.GetRequiredService<OperatorHealth>();
        await app.RunAsync(cancellationToken);
        return health.Faulted ? 1 : 0;
    }

    /// <summary>Never the current context of whoever happens to start it: that is asked for by name.</summary>
    private static KubernetesClientConfiguration Cluster(string? kubeconfig) => kubeconfig is not null
        ? KubernetesClientConfiguration.BuildConfigFromConfigObject(Kubeconfig.Load(kubeconfig))
        : KubernetesClientConfiguration.InClusterConfig();

    /// <summary>Null for what is a bug of ours. A refusal's own text holds the whole answer, which is not ours to show.</summary>
    private static string? Explanation(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        HttpOperationException refused => $"it answered {(int)refused.Response.StatusCode}.",
        TaskCanceledException when !cancellationToken.IsCancellationRequested => "it did not answer in time.",
        HttpRequestException or KubeConfigException or IOException => exception.Message,
        _ => null,
    };

    public static WebApplication Build(OperatorSettings settings, KubernetesClientConfiguration cluster, Version server)
    {
        // Empty: the usual defaults watch every folder below the working directory for a settings file, in a container from / on.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Any, settings.HttpPort));
        builder.Logging.ClearProviders().AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        });
        builder.Logging.SetMinimumLevel(settings.LogLevel).AddFilter("Microsoft", LogLevel.Warning).AddFilter("System.Net.Http", LogLevel.Warning);
        AddOperator(builder.Services, settings, cluster, server);
        builder.Services.AddHostedService<MemoryRest>();

        var app = builder.Build();
        var health = app.Services.GetRequiredService<OperatorHealth>();
        var metrics = app.Services.GetRequiredService<OperatorMetrics>();
        // A pool's series are there before its first build.
        app.Services.GetRequiredService<BuildMetrics>();
        app.Run(context => context.Request.Path == "/metrics" ? MetricsAsync(context, metrics) : ProbeAsync(context, health));
        return app;
    }

    private static Task MetricsAsync(HttpContext context, OperatorMetrics metrics)
    {
        context.Response.ContentType = PrometheusConstants.TextContentTypeWithVersionAndEncoding;
        return metrics.Registry.CollectAndExportAsTextAsync(context.Response.Body, context.RequestAborted);
    }

    /// <summary>Three paths need no routing.</summary>
    private static Task ProbeAsync(HttpContext context, OperatorHealth health)
    {
        var (status, text) = context.Request.Path.Value switch
        {
            "/readyz" when health.Ready => (StatusCodes.Status200OK, "ok"),
            "/readyz" => (StatusCodes.Status503ServiceUnavailable, "The stores are not filled yet, or the operator is stopping."),
            "/healthz" when health.Problem is { } problem => (StatusCodes.Status500InternalServerError, problem),
            "/healthz" => (StatusCodes.Status200OK, "ok"),
            _ => (StatusCodes.Status404NotFound, "There is /readyz, /healthz and /metrics."),
        };
        context.Response.StatusCode = status;
        return context.Response.WriteAsync(text, context.RequestAborted);
    }

    private static void AddOperator(IServiceCollection services, OperatorSettings settings, KubernetesClientConfiguration cluster, Version server)
    {
        var jobs = settings.Builds.Jobs with { ServerKnowsPodReplacementPolicy = server >= new Version(1, 29) };
        services.AddSingleton<PoolValidation>(Validation.Errors);
        services.AddSingleton(jobs);
        services.AddScheduling();
        // Before the passes' own service: services stop in the opposite order, and the last passes may have a trace to tell.
        if (settings.Traces is { } traces) services.AddTracing(traces);
        services.AddKubernetesOperator(options => (options.Cluster, options.LeaderElection, options.Wire) = (cluster, settings.LeaderElection, settings.Wire))
            .AddInformer<V1Pod>(SlipwayApi.ManagedBySelector)
            .AddInformer<V1Job>(SlipwayApi.ManagedBySelector)
            .AddPools(settings.Pools with { ServerVersion = server }, settings.Pki)
            .AddBuilds(settings.Builds with { Jobs = jobs, Traces = settings.Traces is not null });
    }

    /// <summary>Asked once: fields that an older server does not know, it drops without a word.</summary>
    private static async Task<Version> ServerVersionAsync(KubernetesClientConfiguration cluster, CancellationToken cancellationToken)
    {
        using var client = new Kubernetes(cluster);
        var version = await client.Version.GetCodeAsync(cancellationToken);
        var minor = string.Concat(version.Minor.TakeWhile(char.IsAsciiDigit));
        return new Version(int.Parse(version.Major, CultureInfo.InvariantCulture), int.Parse(minor, CultureInfo.InvariantCulture));
    }
}
