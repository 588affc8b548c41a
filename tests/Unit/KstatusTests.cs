using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s.Models;
using Slipway.Api;

namespace Slipway.Tests.Unit;

/// <summary>kstatus' rules as these tests compute them, and that a wrong status does not get past them.</summary>
public sealed class KstatusTests
{
    [Theory]
    [InlineData("{}", nameof(Kstatus.Current))]
    [InlineData("""{"metadata": {"generation": 1} }""", nameof(Kstatus.Current))]
    [InlineData("""{"metadata": {"generation": 1}, "status": {"observedGeneration": -1} }""", nameof(Kstatus.InProgress))]
    [InlineData("""{"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}] } }""", nameof(Kstatus.InProgress))]
    [InlineData("""{"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "conditions": [{"type": "Stalled", "status": "True"}] } }""", nameof(Kstatus.InProgress))]
    [InlineData("""{"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}] } }""", nameof(Kstatus.Current))]
    [InlineData("""{"status": {"conditions": [{"type": "Ready", "status": "False"}] } }""", nameof(Kstatus.InProgress))]
    [InlineData("""{"status": {"conditions": [{"type": "Ready", "status": "Unknown"}] } }""", nameof(Kstatus.InProgress))]
    [InlineData("""{"status": {"conditions": [{"type": "Complete", "status": "False"}] } }""", nameof(Kstatus.Current))]
    [InlineData("""{"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Reconciling", "status": "True"}] } }""", nameof(Kstatus.InProgress))]
    [InlineData("""{"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Stalled", "status": "True"}] } }""", nameof(Kstatus.Failed))]
    [InlineData("""{"status": {"conditions": [{"type": "Reconciling", "status": "False"}, {"type": "Stalled", "status": "False"}] } }""", nameof(Kstatus.Current))]
    [InlineData("""{"status": {"conditions": [{"type": "Reconciling", "status": "True"}, {"type": "Stalled", "status": "True"}] } }""", nameof(Kstatus.InProgress))]
    [InlineData("""{"status": {"conditions": [{"type": "Stalled", "status": "True"}, {"type": "Reconciling", "status": "True"}] } }""", nameof(Kstatus.Failed))]
    [InlineData("""{"metadata": {"generation": 2, "deletionTimestamp": "2026-11-24T12:00:00Z"}, "status": {"observedGeneration": 1} }""", nameof(Kstatus.Terminating))]
    public void Of_AnyObject_IsWhatItsRulesSay(string entity, string expected) =>
        KstatusRules.Of(JsonNode.Parse(entity)!.AsObject()).ToString().ShouldBe(expected);

    [Theory]
    [InlineData("Succeeded", "Ready=True")]
    [InlineData("Failed", "Ready=False", "Stalled=True")]
    [InlineData("Cancelled", "Ready=False", "Stalled=True")]
    [InlineData("Superseded", "Ready=False", "Stalled=True")]
    [InlineData("Pending", "Ready=Unknown", "Reconciling=True")]
    [InlineData("Publishing", "Ready=Unknown", "Reconciling=True")]
    public void Problem_OfABuildThatSaysWhatItIs_IsNone(string phase, params string[] conditions) => StatusContract.Problem(null, Build(phase, conditions)).ShouldBeNull();

    [Theory]
    [InlineData("Succeeded", "Ready=Unknown", "Reconciling=True")]
    [InlineData("Succeeded", "Ready=True", "Reconciling=True")]
    [InlineData("Failed", "Ready=False")]
    [InlineData("Failed")]
    [InlineData("Cancelled", "Ready=False", "Reconciling=True")]
    [InlineData("Superseded", "Ready=True")]
    [InlineData("Pending")]
    [InlineData("Building", "Ready=True")]
    [InlineData("Publishing", "Complete=False")]
    [InlineData(null)]
    public void Problem_OfABuildThatReadsAsAnotherThanItIs_IsTold(string? phase, params string[] conditions) =>
        StatusContract.Problem(null, Build(phase, conditions)).ShouldNotBeNull();

    [Fact]
    public void Problem_OfABuildThatNobodyHasLookedAt_IsNoneOnlyIfItSaysSo()
    {
        var build = Build("Pending") with { Status = new ImageBuildStatus { ObservedGeneration = -1 } };

        StatusContract.Problem(null, build).ShouldBeNull();
        StatusContract.Problem(null, build with { Status = null }).ShouldNotBeNull();
        StatusContract.Problem(null, build with { Status = new ImageBuildStatus() }).ShouldNotBeNull();
    }

    [Fact]
    public void Problem_OfABuildThatIsCurrentWithoutAnImage_IsTold()
    {
        var build = Build("Succeeded", "Ready=True");

        StatusContract.Problem(null, build with { Status = build.Status! with { IndexDigest = null } }).ShouldNotBeNull();
        StatusContract.Problem(null, build with { Status = build.Status! with { CompletedAt = null } }).ShouldNotBeNull();
    }

    [Fact]
    public void Problems_WhereABuildWasCurrentTooEarly_HoldTheVersionAfterIt()
    {
        var (early, going) = (Build("Succeeded", "Ready=True"), Build("Building", "Ready=Unknown", "Reconciling=True"));

        StatusContract.Problems([early, going]).ShouldHaveSingleItem().ShouldContain("was Current before");
        StatusContract.Problems([going, early, early]).ShouldBeEmpty();
        StatusContract.Problems([early, Of(going, "another")]).ShouldBeEmpty("it is another build");
        var changed = going with { Metadata = new V1ObjectMeta { Uid = early.Metadata.Uid, Generation = 2 }, Status = going.Status! with { ObservedGeneration = 2 } };
        StatusContract.Problems([early, changed]).ShouldBeEmpty("it is another spec");
    }

    [Theory]
    [InlineData("AllBuildersReady", true, "Ready=True")]
    [InlineData("AllBuildersReady", false, "Ready=True", "Stalled=True")]
    [InlineData("BuildersStarting", true, "Ready=Unknown", "Reconciling=True")]
    [InlineData("BuildersStarting", false, "Ready=True")]
    [InlineData("BuilderCrashing", true, "Ready=False", "Stalled=True")]
    [InlineData("BuilderCrashing", false, "Ready=False")]
    [InlineData("BuilderLowDisk", true, "Ready=False", "Stalled=True")]
    [InlineData("BuilderLowDisk", true, "Ready=Unknown", "Reconciling=True")]
    [InlineData("BuilderLowDisk", false, "Ready=True")]
    public void Problem_OfAPool_IsToldWhereItReadsAsAnotherThanItsReason(string reason, bool right, params string[] conditions)
    {
        var pool = new V1Alpha1BuilderPool
        {
            Metadata = new V1ObjectMeta { Name = "farm", Uid = "a", Generation = 1 },
            Status = new BuilderPoolStatus { ObservedGeneration = 1, Conditions = Written(reason, conditions) },
        };

        (StatusContract.Problem(null, pool) is null).ShouldBe(right);
    }

    // Their stand-ins check what is planned; they are found by name in the namespaces of the rooms' tests alone.
    [Theory]
    [InlineData("Builds", "BuildPlanner|BuildProgress")]
    [InlineData("Pools", "PoolPlanner|PoolProgress")]
    public void Planners_InTheseTests_AreAskedWhereTheirStatusIsChecked(string room, string planners)
    {
        var folder = Repository.Path("tests", "Unit");
        var asked = Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Where(file => Regex.IsMatch(File.ReadAllText(file), $@"\b({planners})\.[A-Z]\w+\("))
            .Select(file => Path.GetRelativePath(folder, file).Split(Path.DirectorySeparatorChar)[0]).Distinct();

        asked.ShouldBe([room]);
        File.ReadAllText(Repository.Path("tests", "Unit", room, $"{planners.Split('|')[0]}.cs")).ShouldContain($"namespace Slipway.Tests.Unit.{room};");
    }

    private static V1Alpha1ImageBuild Build(string? phase, params string[] conditions) => new()
    {
        Metadata = new V1ObjectMeta { Name = "hello", Uid = "b", Generation = 1 },
        Status = new ImageBuildStatus
        {
            ObservedGeneration = 1,
            Phase = phase,
            CompletedAt = new DateTime(2026, 11, 24, 12, 0, 0, DateTimeKind.Utc),
            IndexDigest = "sha256:1",
            Conditions = Written("Any", conditions),
        },
    };

    private static V1Alpha1ImageBuild Of(V1Alpha1ImageBuild build, string uid) => build with { Metadata = new V1ObjectMeta { Name = "hello", Uid = uid, Generation = 1 } };

    private static IReadOnlyList<V1Condition> Written(string reason, string[] conditions) =>
        [.. conditions.Select(condition => condition.Split('=')).Select(pair => new V1Condition { Type = pair[0], Status = pair[1], Reason = reason, Message = "" })];
}
