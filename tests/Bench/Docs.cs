using System.Globalization;
using System.Text;

namespace Slipway.Bench;

/// <summary>The page about the figures: its table and its plot are those of one run.</summary>
internal static class Docs
{
    private const string Begin = "<!-- bench: begin -->";
    private const string End = "<!-- bench: end -->";

    private static readonly string Page = Repository.Path("docs", "benchmarks.md");
    private static readonly string Picture = Repository.Path("docs", "benchmarks.svg");

    public static string Table(Report report)
    {
        var table = new StringBuilder("| figure | value | unit | n | range |\n| --- | ---: | --- | ---: | --- |\n");
        foreach (var figure in report.Figures)
        {
            var range = figure.Runs == 1 ? "" : $"{Figure.Text(figure.Least)} to {Figure.Text(figure.Most)}";
            table.AppendLine(CultureInfo.InvariantCulture, $"| `{figure.Name}` | {Figure.Text(figure.Value)} | {figure.Unit} | {figure.Runs} | {range} |");
        }

        return table.ToString();
    }

    /// <summary>Replaces what stands between the page's two marks, and the picture.</summary>
    public static async Task WriteAsync(Report report, string plot)
    {
        var page = await File.ReadAllTextAsync(Page);
        var (begin, end) = (page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, page.IndexOf(End, StringComparison.Ordinal));
        var run = new StringBuilder($"\n{await MachineAsync()}\n\n{Table(report)}");
        if (report.Notes.Count > 0) run.Append("\n| figure | of what, on average |\n| --- | --- |\n");
        foreach (var (figure, note) in report.Notes) run.AppendLine(CultureInfo.InvariantCulture, $"| `{figure}` | {note} |");
        await File.WriteAllTextAsync(Page, page[..begin] + run + page[end..]);
        await File.WriteAllTextAsync(Picture, plot);
    }

    private static async Task<string> MachineAsync()
    {
        var (_, commit, _) = await Tools.RunAsync("git", "rev-parse", "--short", "HEAD");
        var model = Field("/proc/cpuinfo", "model name");
        var memory = long.Parse(Field("/proc/meminfo", "MemTotal").Split(' ')[0], CultureInfo.InvariantCulture) / (1024 * 1024.0);
        return string.Create(CultureInfo.InvariantCulture,
            $"Commit {commit.Trim()}, {TimeProvider.System.GetUtcNow():yyyy-MM-dd}, on {Environment.ProcessorCount} cores ({model}), {memory:0} GiB, Linux {Environment.OSVersion.Version}.");
    }

    private static string Field(string file, string name) =>
        File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";
}
