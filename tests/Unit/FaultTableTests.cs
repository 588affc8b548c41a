using System.Text.RegularExpressions;

namespace Slipway.Tests.Unit;

/// <summary>The table of what may happen to a build, against the tests that strike builds.</summary>
public sealed partial class FaultTableTests
{
    private static string Table => File.ReadAllText(Repository.Path("tests", "E2E", "Faults", "README.md"));

    [Fact]
    public void Rows_InTheTable_AreATestEach()
    {
        var tests = Directory.EnumerateFiles(Repository.Path("tests", "E2E"), "*.cs", SearchOption.AllDirectories).SelectMany(file => Method().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        var rows = Row().Matches(Table).Select(match => match.Groups[1].Value).ToList();

        rows.Count.ShouldBeGreaterThanOrEqualTo(30);
        rows.ShouldBeUnique();
        rows.Where(row => !tests.Contains(row)).ShouldBeEmpty();
    }

    // A fault counts only where those that it struck told of it.
    [Fact]
    public void Rows_InTheTable_HaveTheirEvidenceBesideThem() =>
        Row().Matches(Table).Select(match => match.Groups[1].Value)
            .Where(row => !File.Exists(Repository.Path("tests", "E2E", "Faults", "Evidence", $"{row}.txt"))).ShouldBeEmpty();

    [GeneratedRegex(@"^\|.*\| `(\w+)` \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\bTask (\w+)\(\)")]
    private static partial Regex Method();
}
