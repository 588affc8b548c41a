using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Slipway.Tests;

/// <summary>Who refuses a bad object first.</summary>
internal enum Layer
{
    /// <summary>Nobody: the object is good.</summary>
    None,

    /// <summary>The structural schema: every API server.</summary>
    Schema,

    /// <summary>A CEL rule: API servers from 1.25 on, and the operator.</summary>
    Cel,

    /// <summary>A CEL rule that compares with the object before; the last document is refused, those before it are good.</summary>
    Update,

    /// <summary>The operator alone: it looks further than a CRD can.</summary>
    Operator,
}

/// <summary>
/// One file of ValidationCases: an object, or an object and its updates. Bad ones begin with comments that say the field, the
/// layer and a part of the message; good ones may say what an old server holds against them. ${x*N} in a text is x, N times.
/// </summary>
internal sealed partial record ValidationCase(string Name, Layer Layer, string Field, string Message, IReadOnlyList<JsonObject> Documents)
{
    public static IReadOnlyList<ValidationCase> Good { get; } = Load("good");

    public static IReadOnlyList<ValidationCase> Bad { get; } = Load("bad");

    /// <summary>
    /// What an old API server may say against a good object. Kubernetes 1.20 takes empty texts for null where it was built with
    /// a newer Go than its own.
    /// </summary>
    public string? OldServerSays { get; private init; }

    public override string ToString() => Name;

    public static ValidationCase Named(string name) => Good.Concat(Bad).Single(one => one.Name == name);

    private static ValidationCase[] Load(string folder) =>
        [.. Directory.EnumerateFiles(Repository.Path("tests", "Shared", "ValidationCases", folder), "*.yaml").Order(StringComparer.Ordinal)
            .Select(file => Parse(Path.GetFileNameWithoutExtension(file), File.ReadAllText(file), folder == "bad"))];

    private static ValidationCase Parse(string name, string text, bool bad)
    {
        var documents = Yaml.Documents(text);
        foreach (var document in documents) Expand(document);
        if (!bad) return new ValidationCase(name, Layer.None, "", "", documents) { OldServerSays = Find(text, "old-server") };
        var layer = Enum.Parse<Layer>(Header(text, "layer"), ignoreCase: true);
        return new ValidationCase(name, layer, Header(text, "field"), Header(text, "message"), documents);
    }

    private static string Header(string text, string key) => Find(text, key) ?? throw new FormatException($"a bad case has no '# {key}: '");

    private static string? Find(string text, string key) =>
        text.Split('\n').SingleOrDefault(line => line.StartsWith($"# {key}: ", StringComparison.Ordinal))?[(key.Length + 4)..];

    private static void Expand(JsonNode node)
    {
        if (node is JsonObject map)
        {
            foreach (var (key, value) in map.ToList()) Replace(value, text => map[key] = text);
        }
        else if (node is JsonArray list)
        {
            for (var index = 0; index < list.Count; index++) Replace(list[index], text => list[index] = text);
        }
    }

    private static void Replace(JsonNode? value, Action<string> set)
    {
        if (value is JsonValue scalar && scalar.TryGetValue<string>(out var text) && Repeated().IsMatch(text))
            set(Repeated().Replace(text, match => string.Concat(Enumerable.Repeat(match.Groups[1].Value, int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture)))));
        else if (value is not null)
            Expand(value);
    }

    [GeneratedRegex(@"\$\{(.+?)\*([0-9]+)\}")]
    private static partial Regex Repeated();
}
