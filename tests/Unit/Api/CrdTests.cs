using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Slipway.Api;
using Slipway.Api.Validation;

namespace Slipway.Tests.Unit.Api;

/// <summary>The CRDs, kept by hand, against the C# models, kept by hand.</summary>
public sealed partial class CrdTests
{
    public static TheoryData<string> Plurals => ["builderpools", "imagebuilds"];

    [Theory, MemberData(nameof(Plurals))]
    public void Schema_WhenComparedWithModels_IsTheSameBothWays(string plural)
    {
        var type = plural == "builderpools" ? typeof(V1Alpha1BuilderPool) : typeof(V1Alpha1ImageBuild);
        SchemaComparison.Differences(Root(plural), type).ShouldBeEmpty();
    }

    [Requirement("R7")]
    [Theory, MemberData(nameof(Plurals))]
    public void Schema_WhenWalked_DescribesAndBoundsEveryField(string plural) => SchemaLint.Findings(Root(plural)).ShouldBeEmpty();

    // A value that the model does not know must not make the whole object unreadable. The two numbers have defaults in the schema.
    [Requirement("R7")]
    [Fact]
    public void Models_WhenWalked_HoldNoEnumAndNoValueThatMustBeThere() =>
        Models(typeof(V1Alpha1BuilderPool), []).Concat(Models(typeof(V1Alpha1ImageBuild), [])).Distinct()
            .SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            .Where(property => property.CanWrite && (Nullable.GetUnderlyingType(property.PropertyType)?.IsEnum ?? property.PropertyType.IsValueType))
            .Select(property => $"{property.DeclaringType!.Name}.{property.Name}")
            .ShouldBe(["PoolReplicas.Min", "PoolReplicas.Max"]);

    [Theory, MemberData(nameof(Plurals))]
    public void Schema_WhenItRefersToSecrets_NamesNoOtherNamespace(string plural) =>
        SchemaLint.Nodes(Root(plural), "")
            .Where(node => node.Path.Contains("Secret", StringComparison.OrdinalIgnoreCase))
            .SelectMany(node => (node.Schema["properties"] as JsonObject ?? []).Select(property => property.Key))
            .Distinct().ShouldBe(["name"]);

    [Theory, MemberData(nameof(Plurals))]
    public void Rules_WhenReadFromCrd_SayWhatTheOperatorSays(string plural)
    {
        var said = Constants(typeof(Messages));
        Rules(plural).Select(rule => (string)rule["message"]!).Where(message => !said.Contains(message)).ShouldBeEmpty();
    }

    [Theory, MemberData(nameof(Plurals))]
    public void Patterns_WhenReadFromCrd_AreTheOperatorsOwn(string plural)
    {
        var known = Constants(typeof(Patterns));
        var patterns = SchemaLint.Nodes(Root(plural), "").Select(node => (string?)node.Schema["pattern"]).OfType<string>();
        var inRules = Rules(plural).SelectMany(rule => Matched().Matches((string)rule["rule"]!)).Select(match => match.Groups[1].Value);
        patterns.Concat(inRules).Distinct().Where(pattern => !known.Contains(pattern) && !pattern.StartsWith("^sha256", StringComparison.Ordinal)
            && pattern != SchemaLint.ReasonPattern).ShouldBeEmpty();
    }

    [Theory, MemberData(nameof(Plurals))]
    public void Patterns_WhenUsedForMatching_AreRawStrings(string plural) =>
        Rules(plural).Select(rule => (string)rule["rule"]!)
            .Where(rule => rule.Contains("matches(", StringComparison.Ordinal) && !rule.Contains("matches(r'", StringComparison.Ordinal)).ShouldBeEmpty();

    [Fact]
    public void Columns_WhenListed_AreThoseOfTheContract()
    {
        Columns("builderpools").ShouldBe(["READY", "BUILDERS", "BUILDING", "QUEUED", "AGE"]);
        Columns("imagebuilds").ShouldBe(["READY", "PHASE", "IMAGE", "PLATFORMS", "CACHE", "DURATION", "AGE", "POOL (wide)", "COMMIT (wide)", "REASON (wide)"]);
    }

    [Theory, MemberData(nameof(Plurals))]
    public void Columns_WhenFollowed_EndAtFieldsOfTheSchema(string plural) =>
        Version(plural)["additionalPrinterColumns"]!.AsArray().Select(column => (string)column!["jsonPath"]!)
            .Where(path => !path.StartsWith(".metadata", StringComparison.Ordinal) && !SchemaLint.Has(Root(plural), path)).ShouldBeEmpty();

    [Theory]
    [InlineData("builderpools", "bp")]
    [InlineData("imagebuilds", "ib")]
    public void Crd_WhenRead_HasItsNamesAndAStatusThatNobodyHasLookedAt(string plural, string shortName)
    {
        var crd = Repository.Crd(plural);
        crd["metadata"]!["name"]!.GetValue<string>().ShouldBe($"{plural}.{SlipwayApi.Group}");
        crd["spec"]!["names"]!["shortNames"]!.AsArray().Select(name => (string)name!).ShouldBe([shortName]);
        crd["spec"]!["names"]!["categories"]!.AsArray().Select(name => (string)name!).ShouldBe(["slipway"]);
        Version(plural)["subresources"]!["status"].ShouldNotBeNull();
        Root(plural)["properties"]!["status"]!["default"]!.ToJsonString().ShouldBe("""{"observedGeneration":-1}""");
    }

    internal static JsonObject Root(string plural) => Version(plural)["schema"]!["openAPIV3Schema"]!.AsObject();

    private static IEnumerable<Type> Models(Type type, HashSet<Type> seen) =>
        type.Namespace != typeof(V1Alpha1BuilderPool).Namespace
            ? type.GenericTypeArguments.SelectMany(argument => Models(argument, seen))
            : !seen.Add(type) ? [] : type.GetProperties().SelectMany(property => Models(property.PropertyType, seen)).Prepend(type);

    private static JsonObject Version(string plural) => Repository.Crd(plural)["spec"]!["versions"]!.AsArray().Single()!.AsObject();

    private static IEnumerable<string> Columns(string plural) => Version(plural)["additionalPrinterColumns"]!.AsArray()
        .Select(column => (string)column!["name"]! + (column["priority"] is not null ? " (wide)" : ""));

    private static IEnumerable<JsonNode> Rules(string plural) => SchemaLint.Nodes(Root(plural), "")
        .SelectMany(node => node.Schema["x-kubernetes-validations"] as JsonArray ?? []).Select(rule => rule!);

    private static HashSet<string> Constants(Type type) =>
        [.. type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral).Select(field => (string)field.GetRawConstantValue()!)];

    [GeneratedRegex(@"matches\(r'(.*?)'\)")]
    private static partial Regex Matched();
}
