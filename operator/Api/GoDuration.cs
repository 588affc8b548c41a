using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Slipway.Api;

/// <summary>Durations as Kubernetes users write them: 90s, 1h30m.</summary>
internal static partial class GoDuration
{
    public const string Pattern = "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,7}s)?$";

    public static bool TryParse(string? text, out TimeSpan duration)
    {
        duration = default;
        if (string.IsNullOrEmpty(text)) return false;
        var match = Shape().Match(text);
        if (!match.Success) return false;
        duration = TimeSpan.FromHours(Number(match.Groups["h"])) + TimeSpan.FromMinutes(Number(match.Groups["m"]))
            + TimeSpan.FromSeconds(Number(match.Groups["s"]));
        return true;
    }

    /// <summary>Whole seconds: 1h2m3s, 0s.</summary>
    public static string Format(TimeSpan duration)
    {
        var seconds = Math.Max(0, (long)duration.TotalSeconds);
        var text = new StringBuilder();
        if (seconds >= 3600) text.Append(CultureInfo.InvariantCulture, $"{seconds / 3600}h");
        if (seconds % 3600 >= 60) text.Append(CultureInfo.InvariantCulture, $"{seconds % 3600 / 60}m");
        if (seconds % 60 > 0 || text.Length == 0) text.Append(CultureInfo.InvariantCulture, $"{seconds % 60}s");
        return text.ToString();
    }

    private static long Number(Group group) => group.Success ? long.Parse(group.ValueSpan, CultureInfo.InvariantCulture) : 0;

    /// <summary>In .NET, $ would let a newline pass at the end.</summary>
    [GeneratedRegex(@"^((?<h>[0-9]{1,6})h)?((?<m>[0-9]{1,6})m)?((?<s>[0-9]{1,7})s)?\z")]
    private static partial Regex Shape();
}
