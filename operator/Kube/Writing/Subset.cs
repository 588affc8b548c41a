using System.Text.Json.Nodes;

namespace Slipway.Kube.Writing;

internal static class Subset
{
    /// <summary>
    /// Whether everything in <paramref name="part"/> stands in <paramref name="whole"/> too, which may hold more fields, as the server's
    /// defaults. Lists count as equal item by item. What the server spells another way (1000m for 1) is a difference.
    /// </summary>
    public static bool Of(JsonNode? part, JsonNode? whole) => (part, whole) switch
    {
        (JsonObject fields, JsonObject all) => fields.All(field => Of(field.Value, all[field.Key])),
        (JsonArray items, JsonArray all) => items.Count == all.Count && items.Zip(all).All(pair => Of(pair.First, pair.Second)),
        _ => JsonNode.DeepEquals(part, whole),
    };
}
