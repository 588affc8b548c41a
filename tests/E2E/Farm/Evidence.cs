using System.Text;

namespace Slipway.Tests.E2E.Farm;

/// <summary>
/// What buildctl, kubelet and API server said of a fault themselves, written at the test's end: with UPDATE_EVIDENCE=1 beside the tests,
/// where git keeps it, otherwise beside the test's program.
/// </summary>
internal sealed class Evidence(string test) : IAsyncDisposable
{
    private static readonly string Folder = Environment.GetEnvironmentVariable("UPDATE_EVIDENCE") == "1"
        ? Repository.Path("tests", "E2E", "Farm", "Evidence")
        : Path.Combine(AppContext.BaseDirectory, "Evidence");

    private readonly StringBuilder _text = new();

    /// <summary>What somebody said, under a line that says who.</summary>
    public void Add(string source, string said) => _text.Append("== ").Append(source).Append('\n').Append(said.TrimEnd()).Append("\n\n");

    public void Add(string source, IEnumerable<string> lines) => Add(source, string.Join('\n', lines));

    public async ValueTask DisposeAsync()
    {
        Directory.CreateDirectory(Folder);
        await File.WriteAllTextAsync(Path.Combine(Folder, $"{test}.txt"), _text.ToString().TrimEnd() + "\n");
    }
}
