using System.Text.RegularExpressions;

namespace Slipway.Tests.Unit;

/// <summary>Which room of operator/ may use which: the arrows of operator/README.md.</summary>
public sealed partial class RoomsTests
{
    /// <summary>The files that put everything together.</summary>
    private static readonly string[] Composition = ["Program.cs", "OperatorCommand.cs", "OperatorHost.cs"];

    private static readonly Dictionary<string, string[]> Arrows = new()
    {
        ["Api"] = [],
        ["Kube"] = [],
        ["Registry"] = [],
        ["S3"] = [],
        ["Runner"] = ["Registry", "S3"],
        ["Pki"] = ["Api", "Kube"],
        ["Cache"] = ["Api", "Kube"],
        ["Scheduling"] = ["Api", "Kube"],
        ["JobPods"] = ["Api", "Cache", "Runner"],
        ["Pools"] = ["Api", "Kube", "Pki", "Scheduling", "JobPods", "Cache", "Runner"],
        ["Tracing"] = ["Kube"],
        ["Builds"] = ["Api", "Kube", "Pki", "Scheduling", "JobPods", "Cache", "Tracing", "Runner"],
        [""] = ["Kube"],
    };

    /// <summary>What the operator and its Jobs say to each other; the rest of Runner is what runs inside the Jobs.</summary>
    private static readonly string[] SharedOfRunner = ["Descriptions.cs", "CacheDescriptions.cs", "RunResult.cs", "FailureReasons.cs", "RunnerJson.cs"];

    private static readonly IReadOnlyList<SourceFile> Files = Read();

    [Fact]
    public void Rooms_WhenTheyUseEachOther_DoSoAlongTheArrows() =>
        ShouldHold(Files.Where(file => !Composition.Contains(file.Path)).SelectMany(WrongRooms));

    [Fact]
    public void Rooms_WhenTheyDeclareTypes_DoSoInTheirOwnNamespace() =>
        ShouldHold(Files.SelectMany(file => Namespaces(file).Where(name => RoomOf(name) != file.Room)
            .Select(name => $"{file.Path} declares namespace {name}, which is another room's.")));

    [Fact]
    public void RunnerRegistryAndS3_WhenRead_KnowNothingOfKubernetes() =>
        ShouldHold(Files.Where(file => file.Room is "Runner" or "Registry" or "S3" && Kubernetes().IsMatch(file.Code))
            .Select(file => $"{file.Path} mentions k8s. What runs inside a Job knows nothing of Kubernetes: let Builds translate."));

    [Fact]
    public void Api_WhenItUsesPackages_UsesModelsAndFluentValidationAlone() =>
        ShouldHold(from file in Files
                   where file.Room == "Api"
                   from name in Usings(file)
                   where !AllowedInApi().IsMatch(name)
                   select $"{file.Path} uses {name}. Api depends on k8s models and FluentValidation only.");

    [Fact]
    public void Rooms_WhenTheyUseTheRunner_UseDescriptionsAndResultsAlone()
    {
        var inside = Files.Where(file => file.Room == "Runner" && !SharedOfRunner.Contains(Path.GetFileName(file.Path))).SelectMany(Types).ToHashSet();
        inside.ShouldContain("BuildctlArgs");
        ShouldHold(from file in Files
                   where file.Room is not ("Runner" or "Api" or "") && Arrows[file.Room].Contains("Runner")
                   from type in inside
                   where UsesType(file, type)
                   select $"{file.Path} uses {type} of Runner. Others may use the types of {string.Join(", ", SharedOfRunner)} alone: the rest is what runs inside the Jobs.");
    }

    [Fact]
    public void Files_WhenRead_AreAllInKnownRooms()
    {
        Files.Count.ShouldBeGreaterThan(100);
        Files.Select(file => file.Room).Distinct().ShouldBe(Arrows.Keys, ignoreOrder: true, "a room has no arrows here, or is gone");
    }

    [Fact]
    public void Arrows_WhenComparedWithTheReadme_AreTheSame()
    {
        var readme = File.ReadAllText(Repository.Path("operator", "README.md"));

        var rows = TableRow().Matches(readme).ToDictionary(
            row => row.Groups["room"].Value, row => Word().Matches(row.Groups["uses"].Value).Select(word => word.Value).Where(Arrows.ContainsKey).Order().ToArray());

        rows.Keys.ShouldBe(Arrows.Keys.Where(room => room.Length > 0), ignoreOrder: true, "a row for each room");
        foreach (var (room, uses) in rows) uses.ShouldBe([.. Arrows[room].Order()], $"operator/README.md and this test must say the same of what {room} may use");
        var together = readme.Split('\n').Single(line => line.EndsWith(" put them together.", StringComparison.Ordinal));
        CodeFile().Matches(together).Select(file => file.Groups["name"].Value).ShouldBe(Composition, ignoreOrder: true);
    }

    private static IEnumerable<string> WrongRooms(SourceFile file) =>
        from use in Usings(file).Select(RoomOf).OfType<string>().Concat(Qualified(file)).Distinct()
        where use != file.Room && !Arrows[file.Room].Contains(use)
        select $"{file.Path} uses {(use.Length == 0 ? "the composition root" : use)}. {Allowed(file.Room)} Move what is shared to a room that both may use, or turn the call round.";

    private static string Allowed(string room) =>
        $"{(room.Length == 0 ? "A file beside Program.cs" : room)} may use {(Arrows[room].Length == 0 ? "no other room" : string.Join(", ", Arrows[room]))}.";

    /// <summary>Kube.NamespacedName needs no using line where the code lies in Slipway.Builds.</summary>
    private static IEnumerable<string> Qualified(SourceFile file) =>
        from match in QualifiedName().Matches(file.Code)
        let room = match.Groups["room"].Value
        where TypesOfRooms.Value[room].Contains(match.Groups["type"].Value)
        select room;

    private static readonly Lazy<ILookup<string, string>> TypesOfRooms =
        new(() => Files.SelectMany(file => Types(file).Select(type => (file.Room, Type: type))).ToLookup(pair => pair.Room, pair => pair.Type));

    /// <summary>A member of the same name is no use of the type: Deadline is one of BuildState's.</summary>
    private static bool UsesType(SourceFile file, string type) => Regex.IsMatch(file.Code, $@"(\bRunner\.|(?<![.\w])){type}\b(?! (=>|\?\?))");

    private static IEnumerable<string> Usings(SourceFile file) => UsingLine().Matches(file.Code).Select(match => match.Groups["name"].Value);

    private static IEnumerable<string> Namespaces(SourceFile file) => NamespaceLine().Matches(file.Code).Select(match => match.Groups["name"].Value);

    private static IEnumerable<string> Types(SourceFile file) => TypeDeclaration().Matches(file.Code).Select(match => match.Groups["name"].Value);

    /// <summary>Null for what is not ours.</summary>
    private static string? RoomOf(string name) => name == "Slipway" ? "" : name.StartsWith("Slipway.", StringComparison.Ordinal) ? name.Split('.')[1] : null;

    private static void ShouldHold(IEnumerable<string> violations)
    {
        var all = violations.Distinct().Order(StringComparer.Ordinal).ToList();
        if (all.Count > 0) Assert.Fail($"{string.Join('\n', all)}\nThe arrows stand in this test and in operator/README.md.");
    }

    private static List<SourceFile> Read()
    {
        var root = Repository.Path("operator");
        return [.. Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            .Select(file => (Full: file, Path: Path.GetRelativePath(root, file)))
            .Where(file => file.Path.Split('/')[0] is not ("bin" or "obj"))
            .Select(file => new SourceFile(file.Path, file.Path.Contains('/', StringComparison.Ordinal) ? file.Path.Split('/')[0] : "", Comment().Replace(File.ReadAllText(file.Full), "")))
            .OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    [GeneratedRegex(@"^\s*//.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"^\s*(global )?using (static )?(\w+ = )?(?<name>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex UsingLine();

    [GeneratedRegex(@"^namespace (?<name>[\w.]+)", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"^\s*(public |internal |private |file )?(static |sealed |abstract |readonly |partial )*(class|record struct|record|struct|interface|enum|delegate [\w<>?,. ]+) (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(@"(?<![.\w])(Slipway\.)?(?<room>Api|Builds|Cache|JobPods|Kube|Pki|Pools|Registry|Runner|S3|Scheduling)\.(\w+\.)?(?<type>[A-Z]\w*)")]
    private static partial Regex QualifiedName();

    [GeneratedRegex(@"\bk8s\b|\bKubernetesClient\b")]
    private static partial Regex Kubernetes();

    [GeneratedRegex(@"^(System|k8s|FluentValidation|Slipway\.Api)(\.|$)")]
    private static partial Regex AllowedInApi();

    [GeneratedRegex(@"^\| `(?<room>\w+)/` \|[^|]*\|(?<uses>[^|]*)\|", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex("`(?<name>[^`]+\\.cs)`")]
    private static partial Regex CodeFile();

    private sealed record SourceFile(string Path, string Room, string Code);
}
