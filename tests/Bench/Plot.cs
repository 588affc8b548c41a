using System.Globalization;
using System.Text;

namespace Slipway.Bench;

/// <summary>A curve over the number of finished builds.</summary>
internal sealed record Curve(string Title, string Unit, IReadOnlyList<(double Builds, double Value)> Points);

/// <summary>Curves side by side as an SVG, for light pages and dark ones.</summary>
internal static class Plot
{
    private const int Width = 380;
    private const int Height = 300;
    private const int Left = 62;
    private const int Right = 24;
    private const int Top = 48;
    private const int Bottom = 54;
    private const int GridLines = 5;

    // Browsers follow the reader's scheme in pictures too, and a picture without a background takes the page's.
    private const string Style = """
        text { font: 12px system-ui, sans-serif; fill: #24292f }
        .title { font-weight: 600; font-size: 14px }
        .grid { stroke: #8c959f; stroke-opacity: .35 }
        .axis { stroke: #57606a }
        .curve { fill: none; stroke: #0969da; stroke-width: 2 }
        .point { fill: #0969da }
        @media (prefers-color-scheme: dark) {
          text { fill: #e6edf3 }
          .axis { stroke: #9198a1 }
          .curve { stroke: #58a6ff }
          .point { fill: #58a6ff }
        }
        """;

    public static string Svg(IReadOnlyList<Curve> curves)
    {
        var svg = new StringBuilder();
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width * curves.Count} {Height}" width="{Width * curves.Count}" height="{Height}" role="img">""");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<title>{string.Join("; ", curves.Select(curve => $"{curve.Title} by finished builds"))}</title>");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<style>\n{Style}\n</style>");
        for (var index = 0; index < curves.Count; index++)
        {
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<g transform="translate({Width * index} 0)">""");
            Draw(svg, curves[index]);
            svg.AppendLine("</g>");
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void Draw(StringBuilder svg, Curve curve)
    {
        var (most, widest) = (Ceiling(curve.Points.Max(point => point.Value)), curve.Points.Max(point => point.Builds));
        double X(double builds) => Left + (builds / widest * (Width - Left - Right));
        double Y(double value) => Height - Bottom - (value / most * (Height - Top - Bottom));

        Text(svg, Left, 24, "start", $"{curve.Title}, {curve.Unit}", "title");
        for (var line = 0; line <= GridLines; line++)
        {
            var value = most * line / GridLines;
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<line class="{(line == 0 ? "axis" : "grid")}" x1="{Left}" x2="{Width - Right}" y1="{Y(value):0.#}" y2="{Y(value):0.#}"/>""");
            Text(svg, Left - 8, Y(value) + 4, "end", value.ToString("#,0.##", CultureInfo.InvariantCulture));
        }

        svg.AppendLine(CultureInfo.InvariantCulture, $"""<line class="axis" x1="{Left}" x2="{Left}" y1="{Top}" y2="{Height - Bottom}"/>""");
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<polyline class="curve" points="{string.Join(' ', curve.Points.Select(point => FormattableString.Invariant($"{X(point.Builds):0.#},{Y(point.Value):0.#}")))}"/>""");
        foreach (var (builds, value) in curve.Points)
        {
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<circle class="point" cx="{X(builds):0.#}" cy="{Y(value):0.#}" r="4"/>""");
            // The first one stands on the axis, whose own numbers are to its left.
            Text(svg, X(builds) + (builds == 0 ? 4 : 0), Y(value) - 10, builds == 0 ? "start" : "middle", value.ToString("#,0", CultureInfo.InvariantCulture));
            Text(svg, X(builds), Height - Bottom + 18, "middle", builds.ToString("#,0", CultureInfo.InvariantCulture));
        }

        Text(svg, (Left + Width - Right) / 2.0, Height - 12, "middle", "finished builds");
    }

    private static void Text(StringBuilder svg, double x, double y, string anchor, string text, string style = "") =>
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<text{(style.Length > 0 ? $" class=\"{style}\"" : "")} x="{x:0.#}" y="{y:0.#}" text-anchor="{anchor}">{text}</text>""");

    /// <summary>The next of 1, 2, 2.5, 5 and 10 times a power of ten, with a little room for the labels.</summary>
    private static double Ceiling(double value)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(value * 1.1)));
        return new[] { 1, 2, 2.5, 5, 10 }.Select(step => step * power).First(step => step >= value * 1.1);
    }
}
