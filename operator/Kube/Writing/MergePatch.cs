using System.Text.Json.Nodes;

namespace Slipway.Kube.Writing;

/// <summary>JSON merge patches (RFC 7386): a missing field is left alone, null clears one, a list is replaced as a whole.</summary>
internal static class MergePatch
{
    /// <summary>What turns <paramref name="before"/> into <paramref name="after"/>; empty where they are equal.</summary>
    public static JsonObject Between(JsonObject before, JsonObject after)
    {
        var patch = new JsonObject();
        foreach (var (name, value) in after)
        {
            var old = before[name];
            if (JsonNode.DeepEquals(old, value))
            {
                continue;
            }

            patch[name] = old is JsonObject oldObject && value is JsonObject newObject ? Between(oldObject, newObject) : value?.DeepClone();
        }

        foreach (var (name, _) in before)
        {
            if (!after.ContainsKey(name))
            {
                patch[name] = null;
            }
        }

        return patch;
    }
}
