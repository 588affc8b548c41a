using System.Text.RegularExpressions;

namespace Slipway.Tests.Unit;

/// <summary>The tables of what may happen to a build and to a remote cache, against the tests that strike them.</summary>
public sealed partial class FaultTableTests
{
    [Theory]
    [InlineData("Faults", 30)]
    [InlineData("RemoteCache", 15)]
    public void Rows_InATable_AreATestEach(string folder, int least)
    {
        var tests = Directory.EnumerateFiles(Repository.Path("tests", "E2E"), "*.cs", SearchOption.AllDirectories).SelectMany(file => Method().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        var rows = Rows(folder);

        rows.Count.ShouldBeGreaterThanOrEqualTo(least);
        rows.ShouldBeUnique();
        rows.Where(row => !tests.Contains(row)).ShouldBeEmpty();
    }

    // A fault counts only where those that it struck told of it.
    [Theory]
    [InlineData("Faults")]
    [InlineData("RemoteCache")]
    public void Rows_InATable_HaveTheirEvidenceBesideThem(string folder) =>
        Rows(folder).Where(row => !File.Exists(Repository.Path("tests", "E2E", folder, "Evidence", $"{row}.txt"))).ShouldBeEmpty();

    private static List<string> Rows(string folder) =>
        [.. Row().Matches(File.ReadAllText(Repository.Path("tests", "E2E", folder, "README.md"))).Select(match => match.Groups[1].Value)];

    [GeneratedRegex(@"^\|.*\| `(\w+)` \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"\bTask (\w+)\(\)")]
    private static partial Regex Method();
}
