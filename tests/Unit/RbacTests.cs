using System.Reflection;
using System.Text.Json.Nodes;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube.Controllers;

namespace Slipway.Tests.Unit;

/// <summary>What the code says that it may do, against what config/rbac and the chart let it do.</summary>
public sealed class RbacTests
{
    private static readonly string[] Installations = ["config/rbac", "charts/slipway/templates"];

    public static TheoryData<string> Places => [.. Installations];

    [Theory, MemberData(nameof(Places))]
    public void ClusterRole_WhenComparedWithTheCode_GrantsThatAndNothingElse(string place)
    {
        var granted = Rights(place, "clusterrole.yaml");
        var used = OfTheCode(ownNamespace: false);
        granted.Except(used).ShouldBeEmpty("granted, and no attribute says what for");
        used.Except(granted).ShouldBeEmpty("used, and not granted");
    }

    [Requirement("R8")]
    [Theory, MemberData(nameof(Places))]
    public void ClusterRole_WhenItComesToSecrets_CreatesAndDeletesAndNothingElse(string place) =>
        Rights(place, "clusterrole.yaml").Where(right => right.Resource is "secrets" or "*" || right.Group == "*" || right.Verb == "*")
            .ShouldBe([new Right("", "secrets", "create"), new Right("", "secrets", "delete")], ignoreOrder: true);

    [Theory, MemberData(nameof(Places))]
    public void Role_WhenComparedWithTheCode_GrantsThatInTheOperatorsOwnNamespaceAlone(string place)
    {
        Rights(place, "role.yaml").ShouldBe(OfTheCode(ownNamespace: true), ignoreOrder: true);
        Text(place, "role.yaml").ShouldContain("kind: Role\n");
        Text(place, "rolebinding.yaml").ShouldContain("kind: RoleBinding\n");
    }

    [Theory]
    [InlineData("role.yaml")]
    [InlineData("clusterrole.yaml")]
    [InlineData("clusterrole-view.yaml")]
    [InlineData("clusterrole-edit.yaml")]
    public void Roles_WhenTakenFromChartAndConfig_AreTheSame(string file) =>
        Rights(Installations[0], file).ShouldBe(Rights(Installations[1], file), ignoreOrder: true);

    [Fact]
    public void UserRoles_WhenRead_CoverBothKinds()
    {
        foreach (var file in new[] { "clusterrole-view.yaml", "clusterrole-edit.yaml" })
            Rights(Installations[0], file).Select(right => right.Resource).Distinct().ShouldBe(["builderpools", "imagebuilds"], ignoreOrder: true);
    }

    [Fact]
    public void Crds_WhenTakenFromTheChart_AreThoseOfTheCrdsFolder()
    {
        var originals = Directory.EnumerateFiles(Repository.Path("crds"), $"{SlipwayApi.Group}_*.yaml").ToDictionary(file => Path.GetFileName(file), File.ReadAllText);
        var copies = Directory.EnumerateFiles(Repository.Path("charts", "slipway", "files", "crds")).ToDictionary(file => Path.GetFileName(file), File.ReadAllText);
        copies.ShouldBe(originals, ignoreOrder: true);
        Text("crds", "kustomization.yaml").Split('\n').Where(line => line.StartsWith("- ", StringComparison.Ordinal)).Select(line => line[2..])
            .ShouldBe(originals.Keys, ignoreOrder: true);
    }

    private static HashSet<Right> OfTheCode(bool ownNamespace)
    {
        var types = typeof(SlipwayApi).Assembly.GetTypes();
        var entities =
            from attribute in types.SelectMany(type => type.GetCustomAttributes<EntityRbacAttribute>())
            where attribute.OwnNamespace == ownNamespace
            from entity in attribute.Entities
            let kind = entity.GetCustomAttribute<KubernetesEntityAttribute>()!
            from verb in Verbs(attribute.Verbs)
            select new Right(kind.Group, kind.PluralName, verb);
        var others =
            from attribute in types.SelectMany(type => type.GetCustomAttributes<GenericRbacAttribute>())
            where !ownNamespace
            from apiGroup in attribute.Groups
            from resource in attribute.Resources
            from verb in Verbs(attribute.Verbs)
            select new Right(apiGroup, resource, verb);
        return [.. entities, .. others];
    }

    private static IEnumerable<string> Verbs(RbacVerb verbs) =>
        Enum.GetValues<RbacVerb>().Where(verb => verb != RbacVerb.None && verbs.HasFlag(verb)).Select(verb => verb.ToString().ToLowerInvariant());

    /// <summary>The rules alone: the chart's templates hold nothing but YAML from there on.</summary>
    private static HashSet<Right> Rights(string place, string file)
    {
        var text = Text(place, file);
        var rules = Yaml.Documents(text[text.IndexOf("\nrules:", StringComparison.Ordinal)..]).Single()["rules"]!.AsArray();
        return
        [
            .. from rule in rules
               from apiGroup in Texts(rule!["apiGroups"])
               from resource in Texts(rule["resources"])
               from verb in Texts(rule["verbs"])
               select new Right(apiGroup, resource, verb),
        ];
    }

    private static IEnumerable<string> Texts(JsonNode? list) => list!.AsArray().Select(text => (string)text!);

    private static string Text(string place, string file) => File.ReadAllText(Repository.Path(place, file));

    private sealed record Right(string Group, string Resource, string Verb);
}
