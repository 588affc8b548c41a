using System.Text.RegularExpressions;

namespace Slipway.Tests.Unit.Kube;

/// <summary>Every requirement and every trap of the controller layer has a test that names it: the table of README.md, both ways.</summary>
public sealed partial class RequirementsTests
{
    /// <summary>R15 is about finalizers, of which Slipway has none.</summary>
    private static readonly string[] Numbers = [.. Enumerable.Range(1, 25).Where(number => number != 15).Select(number => $"R{number}")];

    private static readonly IReadOnlyList<Row> Table =
        [.. TableRow().Matches(File.ReadAllText(Repository.Path("tests", "Unit", "Kube", "README.md")))
            .Select(row => new Row(row.Groups["number"].Value, Cell(row.Groups["traps"]), Cell(row.Groups["tests"])))];

    /// <summary>By the sources: those of other suites are not in this program.</summary>
    private static readonly IReadOnlyList<Row> Named =
        [.. from file in Directory.EnumerateFiles(Repository.Path("tests"), "*Tests.cs", SearchOption.AllDirectories)
            from match in Attribute().Matches(File.ReadAllText(file))
            select new Row(match.Groups["number"].Value, [.. match.Groups["trap"].Captures.Select(trap => trap.Value)], [Path.GetFileNameWithoutExtension(file)])];

    [Fact]
    public void Table_WhenRead_HasARowForEachRequirementWithItsTests()
    {
        Table.Select(row => row.Number).ShouldBe(Numbers);
        Table.ShouldAllBe(row => row.Tests.Length > 0);
    }

    [Fact]
    public void Tests_WhenTheyNameARequirement_AreThoseOfTheTable() => Lines(Table, row => row.Tests).ShouldBe(Lines(Named, named => named.Tests));

    [Fact]
    public void Traps_WhenListed_HaveATestEach() => Lines(Table, row => row.Traps).ShouldBe(Lines(Named, named => named.Traps));

    private static IEnumerable<string> Lines(IEnumerable<Row> rows, Func<Row, string[]> words) =>
        from row in rows
        group row by row.Number into rowsOfOne
        orderby int.Parse(rowsOfOne.Key[1..], System.Globalization.CultureInfo.InvariantCulture)
        select $"{rowsOfOne.Key}: {string.Join(", ", rowsOfOne.SelectMany(words).Distinct().Order(StringComparer.Ordinal))}";

    private static string[] Cell(Group cell) => cell.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private sealed record Row(string Number, string[] Traps, string[] Tests);

    [GeneratedRegex(@"^\| (?<number>R\d+) \|[^|]*\|(?<traps>[^|]*)\|(?<tests>[^|]*)\|", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    [GeneratedRegex(@"\[Requirement\(""(?<number>R\d+)""(, ""(?<trap>[^""]+)"")*\)")]
    private static partial Regex Attribute();
}
