namespace Slipway.Tests.CrashPoints;

/// <summary>Two worlds, for people to read: what one of them has and the other has not.</summary>
internal static class Difference
{
    public static string Between(string undisturbed, string seen)
    {
        var (before, after) = (Paragraphs(undisturbed), Paragraphs(seen));
        var missing = Without(before, after).ToLookup(Title);
        var surplus = Without(after, before).ToLookup(Title);
        return string.Join('\n', missing.Select(group => group.Key).Union(surplus.Select(group => group.Key)).Select(title => Object(title, missing[title], surplus[title])));
    }

    public static string BetweenLists(IReadOnlyList<string> undisturbed, IReadOnlyList<string> seen) =>
        string.Join('\n', Without(undisturbed, seen).Select(line => $"  - {line}").Concat(Without(seen, undisturbed).Select(line => $"  + {line}")));

    private static string Object(string title, IEnumerable<string> missing, IEnumerable<string> surplus)
    {
        var (before, after) = (missing.SelectMany(Lines).ToList(), surplus.SelectMany(Lines).ToList());
        var what = before.Count == 0 ? "one too many" : after.Count == 0 ? "missing" : "different";
        return $"{title}: {what}\n{BetweenLists(before, after)}";
    }

    /// <summary>What the first has more of.</summary>
    private static List<string> Without(IEnumerable<string> one, IEnumerable<string> other)
    {
        var rest = one.ToList();
        foreach (var item in other) rest.Remove(item);
        return rest;
    }

    private static string[] Paragraphs(string world) => world.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);

    private static string Title(string paragraph) => paragraph[..paragraph.IndexOf('\n', StringComparison.Ordinal)];

    private static string[] Lines(string paragraph) => paragraph.Split('\n');
}
