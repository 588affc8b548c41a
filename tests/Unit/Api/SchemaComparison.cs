using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using k8s.Models;
using Slipway.Api;

namespace Slipway.Tests.Unit.Api;

/// <summary>A structural schema against a C# type: names, types and descriptions, both ways.</summary>
internal static partial class SchemaComparison
{
    private static readonly IReadOnlyDictionary<string, string> Summaries =
        XDocument.Load(Path.Combine(AppContext.BaseDirectory, "slipway.xml")).Descendants("member")
            .Where(member => member.Element("summary") is not null)
            .ToDictionary(member => (string)member.Attribute("name")!, member => Space().Replace(member.Element("summary")!.Value, " ").Trim());

    public static IEnumerable<string> Differences(JsonObject root, Type type)
    {
        if ((string?)root["description"] != Summaries.GetValueOrDefault($"T:{type.FullName}")) yield return "the kind's description differs";
        foreach (var difference in Differences(root, type, "")) yield return difference;
    }

    private static IEnumerable<string> Differences(JsonObject schema, Type type, string path)
    {
        // Types of Kubernetes itself: the schema may take a part of them.
        var ours = type.Assembly == typeof(SlipwayApi).Assembly;
        var properties = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.Name != "EqualityContract").ToDictionary(JsonName, StringComparer.Ordinal);
        var fields = schema["properties"]!.AsObject();
        foreach (var name in properties.Keys.Where(name => ours && !fields.ContainsKey(name))) yield return $"{path}.{name} is in C# alone";
        foreach (var (name, field) in fields)
        {
            if (!properties.TryGetValue(name, out var property)) yield return $"{path}.{name} is in the CRD alone";
            else if (!(path.Length == 0 && name is "apiVersion" or "kind" or "metadata"))
            {
                var docs = ours ? Summaries.GetValueOrDefault($"P:{type.FullName}.{property.Name}", "(none)") : (string?)field!["description"];
                if ((string?)field!["description"] != docs) yield return $"{path}.{name} is described as '{field["description"]}', in C# as '{docs}'";
                foreach (var difference in OfType(field.AsObject(), property.PropertyType, $"{path}.{name}")) yield return difference;
            }
        }
    }

    private static IEnumerable<string> OfType(JsonObject schema, Type type, string path)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        if (Argument(plain, typeof(IDictionary<,>), 1) is { } value)
            return Is(schema, "object", null, path).Concat(OfType(schema["additionalProperties"]!.AsObject(), value, path + "{}"));
        if (Argument(plain, typeof(IReadOnlyList<>), 0) is { } listed) return OfList(schema, listed, path);
        if (Argument(plain, typeof(IList<>), 0) is { } item) return OfList(schema, item, path);
        if (plain == typeof(ResourceQuantity)) return (bool?)schema["x-kubernetes-int-or-string"] == true ? [] : [$"{path} is no quantity"];
        if (plain == typeof(string)) return Is(schema, "string", null, path);
        if (plain == typeof(bool)) return Is(schema, "boolean", null, path);
        if (plain == typeof(int)) return Is(schema, "integer", "int32", path);
        if (plain == typeof(long)) return Is(schema, "integer", "int64", path);
        if (plain == typeof(DateTime)) return Is(schema, "string", "date-time", path);
        return Is(schema, "object", null, path).Concat(Differences(schema, plain, path));
    }

    private static IEnumerable<string> OfList(JsonObject schema, Type item, string path) =>
        Is(schema, "array", null, path).Concat(OfType(schema["items"]!.AsObject(), item, path + "[]"));

    private static IEnumerable<string> Is(JsonObject schema, string type, string? format, string path) =>
        (string?)schema["type"] == type && (string?)schema["format"] == format
            ? [] : [$"{path} is {schema["type"]} {schema["format"]}, in C# {type} {format}"];

    private static Type? Argument(Type type, Type generic, int index) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == generic ? type.GetGenericArguments()[index] : null;

    private static string JsonName(PropertyInfo property) =>
        property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.CamelCase.ConvertName(property.Name);

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
