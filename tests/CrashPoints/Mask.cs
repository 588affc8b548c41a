using System.Text.RegularExpressions;

namespace Slipway.Tests.CrashPoints;

/// <summary>Hides what differs between two runs in which the same has happened: the namespaces' names, uids and what is made of them, times.</summary>
internal sealed partial class Mask(Story story)
{
    public const string Nobody = "<uid of nobody>";

    /// <summary>Of an object, or anything that holds one.</summary>
    public string Name(string name) => Made().Replace(Spaces(name), "#");

    /// <param name="text">What a field holds.</param>
    /// <param name="named">The objects that there are, by uid.</param>
    public string Text(string text, IReadOnlyDictionary<string, string> named)
    {
        var known = Uid().Replace(text, uid => named.TryGetValue(uid.Value, out var name) ? $"<{name}>" : Nobody);
        return Name(TimeLeft().Replace(Time().Replace(known, "<time>"), seconds => $"{RoundUp(int.Parse(seconds.Value, System.Globalization.CultureInfo.InvariantCulture))}"));
    }

    /// <summary>Of the time that a build has, the seconds are gone that its operator was dead.</summary>
    public static int RoundUp(int seconds) => (seconds + 59) / 60 * 60;

    private string Spaces(string text) =>
        text.Replace(story.Builders, "builders", StringComparison.Ordinal).Replace(story.Tenant, "team", StringComparison.Ordinal);

    /// <summary>Hashes of uids, authorities and namespaces: in names eight digits in the middle and twelve or sixteen at the end, in annotations alone.</summary>
    [GeneratedRegex("(?<=-)([0-9a-f]{8}(?=-)|([0-9a-f]{12}|[0-9a-f]{16})(?![0-9a-z]))|^([0-9a-f]{8}|[0-9a-f]{16})$")]
    private static partial Regex Made();

    [GeneratedRegex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")]
    private static partial Regex Uid();

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")]
    private static partial Regex Time();

    [GeneratedRegex("""(?<="timeoutSeconds":)\d+""")]
    private static partial Regex TimeLeft();
}
