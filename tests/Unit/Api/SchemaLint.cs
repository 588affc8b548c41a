using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Slipway.Tests.Unit.Api;

/// <summary>What a good structural schema has everywhere.</summary>
internal static partial class SchemaLint
{
    /// <summary>Of metav1.Condition, which the operator writes and does not check.</summary>
    public const string ReasonPattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";

    public static IEnumerable<string> Findings(JsonObject root) => Nodes(root, "").SelectMany(node => Findings(node.Path, node.Schema));

    /// <summary>Every schema below, itself first.</summary>
    public static IEnumerable<(string Path, JsonObject Schema)> Nodes(JsonObject schema, string path)
    {
        yield return (path, schema);
        foreach (var (name, child) in Children(schema))
        {
            foreach (var node in Nodes(child, path + name)) yield return node;
        }
    }

    /// <summary>Whether a printer column's path ends somewhere.</summary>
    public static bool Has(JsonObject root, string path)
    {
        var node = root;
        foreach (var part in Filter().Replace(path, "").Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            node = (node["items"] ?? node)["properties"]?[part] as JsonObject;
            if (node is null) return false;
        }
        return true;
    }

    private static IEnumerable<(string Name, JsonObject Schema)> Children(JsonObject schema)
    {
        foreach (var (name, child) in schema["properties"] as JsonObject ?? []) yield return ($".{name}", child!.AsObject());
        if (schema["items"] is JsonObject items) yield return ("[]", items);
        if (schema["additionalProperties"] is JsonObject values) yield return ("{}", values);
    }

    private static IEnumerable<string> Findings(string path, JsonObject schema)
    {
        var isField = !path.EndsWith(']') && !path.EndsWith('}') && !path.StartsWith(".metadata", StringComparison.Ordinal);
        if (isField && string.IsNullOrEmpty((string?)schema["description"])) yield return $"{path} has no description";
        if (schema.ContainsKey("x-kubernetes-preserve-unknown-fields")) yield return $"{path} takes anything";
        var bounded = (string?)schema["type"] switch
        {
            "string" => schema.ContainsKey("maxLength") || schema.ContainsKey("enum") || (string?)schema["format"] == "date-time",
            "array" => schema.ContainsKey("maxItems") && schema.ContainsKey("x-kubernetes-list-type"),
            "object" => schema.ContainsKey("properties") || schema.ContainsKey("maxProperties"),
            "integer" => schema.ContainsKey("minimum") || path.EndsWith("tolerationSeconds", StringComparison.Ordinal),
            "boolean" => true,
            null => (bool?)schema["x-kubernetes-int-or-string"] == true && schema.ContainsKey("maxLength"),
            _ => false,
        };
        if (!bounded) yield return $"{path} has no bound";
    }

    /// <summary>Which item of a list a path means.</summary>
    [GeneratedRegex(@"\[\?\(.*?\)\]")]
    private static partial Regex Filter();
}
