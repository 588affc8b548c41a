using System.Reflection;
using System.Text.RegularExpressions;
using NSubstitute;
using Prometheus;
using Slipway.Api;
using Slipway.Builds;
using Slipway.Kube.Informers;
using Slipway.Kube.Telemetry;
using Slipway.Runner;
using Slipway.Scheduling;
using Slipway.Tracing;

namespace Slipway.Tests.Unit;

/// <summary>What the docs list is what the code has.</summary>
public sealed partial class DocsTests
{
    [Fact]
    public void Reasons_InTheDocs_AreThoseOfTheCode()
    {
        var code = Constants(typeof(Reasons)).Concat(Constants(typeof(FailureReasons))).ToHashSet();

        var docs = Row().Matches(File.ReadAllText(Repository.Path("docs/reasons.md"))).Select(match => match.Groups[1].Value).ToHashSet();

        docs.ShouldBe(code, ignoreOrder: true);
    }

    [Fact]
    public void Options_InTheDocs_AreThoseOfTheOperator()
    {
        var code = OperatorCommand.Create().Options.Select(option => option.Name).Where(name => name.StartsWith("--", StringComparison.Ordinal)).ToHashSet();

        var docs = OptionRow().Matches(File.ReadAllText(Repository.Path("docs/operator.md"))).Select(match => match.Groups[1].Value).ToHashSet();

        docs.ShouldBe(code, ignoreOrder: true);
    }

    [Fact]
    public void Phases_InTheDocs_AreThoseOfTheCode()
    {
        var table = PhaseTable().Match(File.ReadAllText(Repository.Path("docs/status.md"))).Value;

        Row().Matches(table).Select(match => match.Groups[1].Value).ShouldBe(Constants(typeof(Phases)), ignoreOrder: true);
    }

    [Fact]
    public void Metrics_InTheDocs_AreThoseOfTheCode()
    {
        const BindingFlags All = BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public;
        var metrics = new OperatorMetrics();
        var code = new object[] { metrics, new FarmMetrics(metrics), new BuildMetrics(metrics, Substitute.For<IStore<V1Alpha1BuilderPool>>()), new TraceMetrics(metrics) }
            .SelectMany(holder => holder.GetType().GetFields(All).Select(field => field.GetValue(holder))).OfType<Collector>()
            .Select(metric => $"{metric.Name} {metric.GetType().Name.ToLowerInvariant()} {string.Join(',', metric.LabelNames)}");

        var docs = MetricRow().Matches(File.ReadAllText(Repository.Path("docs/metrics.md")))
            .Select(match => $"{match.Groups[1].Value} {match.Groups[2].Value} {string.Join(',', Quoted().Matches(match.Groups[3].Value.Split(':')[0]).Select(label => label.Groups[1].Value))}");

        docs.ShouldBe(code, ignoreOrder: true);
    }

    private static IEnumerable<string> Constants(Type type) =>
        type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!);

    [GeneratedRegex(@"^\| `([A-Za-z]+)` \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"^\| `(--[a-z-]+)` \|", RegexOptions.Multiline)]
    private static partial Regex OptionRow();

    [GeneratedRegex(@"^\| `([a-z_]+)` \| ([a-z]+)[^|]* \|([^|]*)\|", RegexOptions.Multiline)]
    private static partial Regex MetricRow();

    [GeneratedRegex("`([a-z]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^\| phase \|.*\n(\|.*\n)+", RegexOptions.Multiline)]
    private static partial Regex PhaseTable();
}
