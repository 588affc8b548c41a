using System.Diagnostics;
using System.Globalization;

namespace Slipway.Bench;

/// <summary>One figure: the median of its runs, or, where it is no median, its own value.</summary>
internal sealed record Figure(string Name, double Value, string Unit, int Runs, double Least, double Most)
{
    public static string Text(double value) => value.ToString(Math.Abs(value) >= 100 || value == Math.Round(value) ? "0" : Math.Abs(value) >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture);
}

/// <summary>Says each figure at once, and keeps it for the table.</summary>
internal sealed class Report
{
    private readonly List<Figure> _figures = [];
    private readonly long _started = Stopwatch.GetTimestamp();

    public IReadOnlyList<Figure> Figures => _figures;

    /// <summary>What a figure consists of, by its name.</summary>
    public Dictionary<string, string> Notes { get; } = [];

    public void Say(string progress) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{Stopwatch.GetElapsedTime(_started).TotalSeconds,5:0} s] {progress}"));

    public void Note(string figure, string consistsOf)
    {
        Notes[figure] = consistsOf;
        Say($"{figure} is {consistsOf}");
    }

    /// <summary>The median of several runs.</summary>
    public double Add(string name, string unit, params IEnumerable<double> runs)
    {
        var sorted = runs.Order().ToList();
        return Add(new Figure(name, Percentile(sorted, 0.5), unit, sorted.Count, sorted[0], sorted[^1]));
    }

    /// <summary>A percentile of many samples.</summary>
    public double AddPercentile(string name, string unit, double share, IEnumerable<double> samples)
    {
        var sorted = samples.Order().ToList();
        return Add(new Figure(name, Percentile(sorted, share), unit, sorted.Count, sorted[0], sorted[^1]));
    }

    public double Add(Figure figure)
    {
        _figures.Add(figure);
        Console.WriteLine($"bench: {figure.Name}={Figure.Text(figure.Value)} {figure.Unit}");
        return figure.Value;
    }

    /// <summary>The nearest rank; of an even number of samples, the median is the mean of the two in the middle.</summary>
    private static double Percentile(List<double> sorted, double share) => share == 0.5 && sorted.Count % 2 == 0
        ? (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2
        : sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Count) - 1, 0, sorted.Count - 1)];
}
