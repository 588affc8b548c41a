using System.Text;
using k8s;
using k8s.Models;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Slipway.Api;
using Slipway.Builds;
using Slipway.JobPods;
using Slipway.Kube.Controllers;
using Slipway.Kube.Informers;
using Slipway.Kube.Telemetry;
using Slipway.Pki;
using Slipway.Pools;
using Slipway.Tracing;

namespace Slipway.Tests.Unit;

/// <summary>The operator as it is put together, and not started.</summary>
public sealed class OperatorHostTests : IAsyncLifetime
{
    private static readonly OperatorSettings Settings = new()
    {
        HttpPort = 0,
        Pki = new PkiOptions { OperatorNamespace = "slipway-system" },
        Pools = new PoolOptions(),
        Builds = new BuildOptions { Jobs = new JobOptions { RunnerImage = "slipway/slipway:test" } },
    };

    private readonly WebApplication _app = Build(Settings);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    // The store would hold every object of the cluster.
    [Requirement("R8")]
    [Fact]
    public void Informers_OfKindsThatOthersCreateToo_AskForOurLabel()
    {
        string?[] selectors =
        [
            Selector<V1Job>(), Selector<V1Pod>(), Selector<V1StatefulSet>(), Selector<V1Service>(), Selector<V1ConfigMap>(),
        ];
        selectors.ShouldAllBe(selector => selector != null && selector.Split(',').Contains(SlipwayApi.ManagedBySelector));
    }

    [Requirement("R8")]
    [Fact]
    public void Informers_WhenListed_KeepNoSecretButTheAuthoritiesOfTheOwnNamespace()
    {
        _app.Services.GetServices<IInformer>().Select(informer => informer.Name).ShouldBe(
            ["builderpools", "imagebuilds", "jobs", "pods", "statefulsets", "services", "configmaps", "networkpolicies", "endpointslices", "nodes", "namespaces", "secrets"],
            ignoreOrder: true);
        var secrets = _app.Services.GetRequiredService<InformerScope<V1Secret>>();
        (secrets.Namespace, secrets.LabelSelector).ShouldBe(("slipway-system", PkiObjects.AuthoritySelector));
    }

    [Requirement("R23")]
    [Fact]
    public async Task Metrics_BeforeTheFirstPass_HaveEachControllersSeriesAtZero()
    {
        var controllers = _app.Services.GetServices<IControllerWorker>().Select(controller => controller.Name).ToList();
        controllers.ShouldBe(["builderpools", "imagebuilds"], ignoreOrder: true);
        using var stream = new MemoryStream();
        await _app.Services.GetRequiredService<OperatorMetrics>().Registry.CollectAndExportAsTextAsync(stream, TestContext.Current.CancellationToken);
        var text = Encoding.UTF8.GetString(stream.ToArray());
        foreach (var controller in controllers)
        {
            text.ShouldContain($"controller_runtime_reconcile_total{{controller=\"{controller}\",result=\"error\"}} 0\n");
            text.ShouldContain($"workqueue_depth{{name=\"{controller}\",controller=\"{controller}\"}} 0\n");
        }
    }

    // 20 s for the passes, 2 s for those that were cancelled, 2 s for events, 2 s for the lease, 2 s for traces, and the host's own limit above that.
    [Requirement("R21")]
    [Theory]
    [InlineData("config/manager/deployment.yaml")]
    [InlineData("charts/slipway/templates/deployment.yaml")]
    public void Pod_WhenItIsStopped_HasMoreTimeThanTheHostTakes(string deployment) =>
        File.ReadAllText(Repository.Path(deployment)).ShouldContain("terminationGracePeriodSeconds: 40\n");

    [Fact]
    public async Task Traces_WithoutAnEndpoint_AreNobodysWork()
    {
        _app.Services.GetService<ISpanExporter>().ShouldBeNull();
        _app.Services.GetRequiredService<BuildOptions>().Traces.ShouldBeFalse();
        _app.Services.GetRequiredService<BuildReporter>().ShouldNotBeNull();

        await using var tracing = Build(Settings with { Traces = new OtlpOptions { Endpoint = new Uri("http://127.0.0.1:1") } });
        tracing.Services.GetRequiredService<BuildOptions>().Traces.ShouldBeTrue();
        // Services stop in the opposite order: the last passes' traces are still sent.
        var services = tracing.Services.GetServices<IHostedService>().ToList();
        var exporter = services.FindIndex(service => ReferenceEquals(service, tracing.Services.GetRequiredService<ISpanExporter>()));
        exporter.ShouldBeInRange(0, services.FindIndex(service => service is OperatorService) - 1);
    }

    [Fact]
    public async Task Traces_InTheChart_AreSetAsTheOperatorReadsThem()
    {
        var chart = await File.ReadAllTextAsync(Repository.Path("charts/slipway/templates/deployment.yaml"), TestContext.Current.CancellationToken);
        chart.ShouldContain("- --otlp-endpoint={{ . }}");
        chart.ShouldContain($"- name: {OtlpOptions.HeadersVariable}\n");
        chart.ShouldContain($"- name: {OtlpOptions.ResourceVariable}\n");
    }

    private static WebApplication Build(OperatorSettings settings) =>
        OperatorHost.Build(settings, new KubernetesClientConfiguration { Host = "http://127.0.0.1:1" }, new Version(1, 32));

    private string? Selector<T>()
        where T : class, IKubernetesObject<V1ObjectMeta> => _app.Services.GetRequiredService<InformerScope<T>>().LabelSelector;
}
