using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.RegularExpressions;

namespace Slipway.Tests.E2E;

/// <summary>
/// What buildctl, kubelet, API server and registry said of a fault themselves, written at the test's end: with UPDATE_EVIDENCE=1 beside
/// the tests of this folder, where git keeps it, otherwise beside the test's program.
/// </summary>
internal sealed class Evidence(string test, string folder = "Farm") : IAsyncDisposable
{
    private readonly string _folder = Environment.GetEnvironmentVariable("UPDATE_EVIDENCE") == "1"
        ? Repository.Path("tests", "E2E", folder, "Evidence")
        : Path.Combine(AppContext.BaseDirectory, "Evidence");

    private readonly StringBuilder _text = new();

    /// <summary>What somebody said, under a line that says who.</summary>
    public void Add(string source, string said) => _text.Append("== ").Append(source).Append('\n').Append(said.TrimEnd()).Append("\n\n");

    public void Add(string source, IEnumerable<string> lines) => Add(source, string.Join('\n', lines));

    /// <summary>The lines in which a fault is seen: without one of them there was no fault, and the test shows nothing.</summary>
    public void AddSeen(string source, string said, [StringSyntax(StringSyntaxAttribute.Regex)] string fault)
    {
        Add(source, said);
        said.Split('\n').Count(line => Regex.IsMatch(line, fault)).ShouldBeGreaterThan(0, $"{source} does not show {fault}:\n{said}");
    }

    public void AddSeen(string source, IEnumerable<string> lines, [StringSyntax(StringSyntaxAttribute.Regex)] string fault) => AddSeen(source, string.Join('\n', lines), fault);

    public async ValueTask DisposeAsync()
    {
        Directory.CreateDirectory(_folder);
        await File.WriteAllTextAsync(Path.Combine(_folder, $"{test}.txt"), _text.ToString().TrimEnd() + "\n");
    }
}
