using System.Text.Json.Nodes;

namespace Slipway.Tests.Integration;

/// <summary>The chart and config/ install the same thing.</summary>
public sealed class InstallTests
{
    private const string Namespace = "slipway-system";

    [Fact]
    public async Task Chart_WhenRenderedWithItsDefaults_IsWhatKustomizeRenders()
    {
        var chart = await ChartAsync();
        var (code, output, error) = await Tools.KubectlAsync("kustomize", "config/default");
        code.ShouldBe(0, error);
        // A chart does not bring the namespace that it is installed into.
        var kustomize = ByIdentity(output).Where(one => !one.Key.StartsWith("Namespace/", StringComparison.Ordinal)).ToDictionary();

        chart.Keys.Order(StringComparer.Ordinal).ShouldBe(kustomize.Keys.Order(StringComparer.Ordinal));
        foreach (var (identity, rendered) in chart)
        {
            // Only helm deletes CRDs with a release, so only helm is told to keep them.
            (rendered["metadata"]!["annotations"] as JsonObject)?.Remove("helm.sh/resource-policy");
            if (rendered["metadata"]!["annotations"] is JsonObject { Count: 0 }) rendered["metadata"]!.AsObject().Remove("annotations");
            JsonNode.DeepEquals(rendered, kustomize[identity]).ShouldBeTrue($"{identity} differs:\n{rendered}\n{kustomize[identity]}");
        }
    }

    [Fact]
    public async Task Chart_WhenCrdsAreKept_AnnotatesThem()
    {
        Crds(await ChartAsync()).ShouldAllBe(crd => (string?)crd["metadata"]!["annotations"]!["helm.sh/resource-policy"] == "keep");
        Crds(await ChartAsync("--set", "crds.keep=false")).ShouldAllBe(crd => crd["metadata"]!["annotations"] == null);
    }

    [Fact]
    public async Task Chart_WhenCrdsAreDisabled_LeavesThemOut() => Crds(await ChartAsync("--set", "crds.enabled=false")).ShouldBeEmpty();

    [Theory]
    [InlineData("nosuch=1")]
    [InlineData("image.nosuch=1")]
    [InlineData("image.digest=latest")]
    [InlineData("unschedulableAfter=soon")]
    [InlineData("tracing.endpoint=collector:4317")]
    [InlineData("tracing.endpoint=https://me:secret@otlp.example.com")]
    public async Task Chart_WhenValueIsUnknownOrBad_IsRefused(string value)
    {
        var (code, _, error) = await Tools.HelmAsync("template", "slipway", "charts/slipway", "--set-string", value);
        code.ShouldNotBe(0);
        error.ShouldContain("schema");
    }

    [Fact]
    public async Task Chart_WhenTracesAreWanted_TellsTheOperatorWhereAndNamesTheSecret()
    {
        var chart = await ChartAsync("--set", "tracing.endpoint=http://collector:4318,tracing.headersSecret.name=otlp", "--set-string", "tracing.resourceAttributes.k8s\\.cluster\\.name=north\\,1");
        var container = chart[$"Deployment/{Namespace}/slipway"]["spec"]!["template"]!["spec"]!["containers"]![0]!;

        container["args"]!.AsArray().Select(argument => (string)argument!).ShouldContain("--otlp-endpoint=http://collector:4318");
        var variables = container["env"]!.AsArray().ToDictionary(variable => (string)variable!["name"]!, variable => variable!);
        ((string)variables["OTEL_RESOURCE_ATTRIBUTES"]["value"]!).ShouldBe("k8s.cluster.name=north%2C1");
        JsonNode.DeepEquals(variables["OTEL_EXPORTER_OTLP_HEADERS"]["valueFrom"]!["secretKeyRef"], new JsonObject { ["name"] = "otlp", ["key"] = "headers" }).ShouldBeTrue();
    }

    [Fact]
    public async Task Chart_WhenJobsAndImageAreSet_TellsTheOperator()
    {
        var chart = await ChartAsync("--set", "jobs.nodeSelector.kubernetes\\.io/arch=amd64", "--set", $"image.digest=sha256:{new string('0', 64)}");
        var container = chart[$"Deployment/{Namespace}/slipway"]["spec"]!["template"]!["spec"]!["containers"]![0]!;
        ((string)container["image"]!).ShouldBe($"slipway/slipway@sha256:{new string('0', 64)}");
        var arguments = container["args"]!.AsArray().Select(argument => (string)argument!).ToList();
        arguments.ShouldContain("--job-node-selector=kubernetes.io/arch=amd64");
        arguments.ShouldContain($"--runner-image=slipway/slipway@sha256:{new string('0', 64)}");
    }

    [Fact]
    public async Task Operator_WhenInstalled_PassesPodSecurityRestricted()
    {
        var pod = (await ChartAsync())[$"Deployment/{Namespace}/slipway"]["spec"]!["template"]!["spec"]!;
        ((bool)pod["securityContext"]!["runAsNonRoot"]!).ShouldBeTrue();
        ((string)pod["securityContext"]!["seccompProfile"]!["type"]!).ShouldBe("RuntimeDefault");
        foreach (var container in pod["containers"]!.AsArray())
        {
            var context = container!["securityContext"]!;
            ((bool)context["allowPrivilegeEscalation"]!).ShouldBeFalse();
            ((bool)context["readOnlyRootFilesystem"]!).ShouldBeTrue();
            context["capabilities"]!["drop"]!.AsArray().Select(name => (string)name!).ShouldBe(["ALL"]);
        }
    }

    private static IEnumerable<JsonObject> Crds(Dictionary<string, JsonObject> objects) =>
        objects.Where(one => one.Key.StartsWith("CustomResourceDefinition/", StringComparison.Ordinal)).Select(one => one.Value);

    private static async Task<Dictionary<string, JsonObject>> ChartAsync(params string[] more)
    {
        var (code, output, error) = await Tools.HelmAsync(["template", "slipway", "charts/slipway", "--namespace", Namespace, .. more]);
        code.ShouldBe(0, error);
        return ByIdentity(output);
    }

    private static Dictionary<string, JsonObject> ByIdentity(string yaml) => Yaml.Documents(yaml).ToDictionary(document =>
        $"{(string)document["kind"]!}/{(string?)document["metadata"]!["namespace"]}/{(string)document["metadata"]!["name"]!}");
}
