namespace Slipway.Tests.CrashPoints;

/// <summary>Two worlds, for people to read: what one of them has and the other has not.</summary>
internal static class Difference
{
    public static string Between(string undisturbed, string seen)
    {
        var (before, after) = (Paragraphs(undisturbed), Paragraphs(seen));
        var missing = Surplus(after, before).ToLookup(Title);
        var surplus = Surplus(before, after).ToLookup(Title);
        return string.Join('\n', missing.Select(group => group.Key).Union(surplus.Select(group => group.Key)).Select(title => Object(title, missing[title], surplus[title])));
    }

    public static string BetweenLists(IReadOnlyList<string> undisturbed, IReadOnlyList<string> seen) =>
        string.Join('\n', Surplus(seen, undisturbed).Select(line => $"  - {line}").Concat(Surplus(undisturbed, seen).Select(line => $"  + {line}")));

    /// <summary>What is seen more often than before.</summary>
    public static IReadOnlyList<string> Surplus(IEnumerable<string> before, IEnumerable<string> seen)
    {
        var rest = seen.ToList();
        foreach (var item in before) rest.Remove(item);
        return rest;
    }

    private static string Object(string title, IEnumerable<string> missing, IEnumerable<string> surplus)
    {
        var (before, after) = (missing.SelectMany(Lines).ToList(), surplus.SelectMany(Lines).ToList());
        var what = before.Count == 0 ? "one too many" : after.Count == 0 ? "missing" : "different";
        return $"{title}: {what}\n{BetweenLists(before, after)}";
    }

    private static string[] Paragraphs(string world) => world.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);

    private static string Title(string paragraph) => paragraph[..paragraph.IndexOf('\n', StringComparison.Ordinal)];

    private static string[] Lines(string paragraph) => paragraph.Split('\n');
}
