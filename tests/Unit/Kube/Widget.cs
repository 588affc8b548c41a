using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Tests.Unit.Kube;

/// <summary>A kind of the tests' own, in the shape of ours.</summary>
[KubernetesEntity(Group = "test.dev", ApiVersion = "v1", Kind = "Widget", PluralName = "widgets")]
internal sealed record Widget : IKubernetesObject<V1ObjectMeta>
{
    public string ApiVersion { get; set; } = "test.dev/v1";

    public string Kind { get; set; } = "Widget";

    public V1ObjectMeta Metadata { get; set; } = new();

    public WidgetSpec Spec { get; init; } = new();

    public WidgetStatus? Status { get; init; }

    public static Widget Named(string name, int version = 1, string? uid = null, long generation = 1, string @namespace = "ns") => new()
    {
        Metadata = new V1ObjectMeta
        {
            Name = name,
            NamespaceProperty = @namespace,
            ResourceVersion = $"{version}",
            Uid = uid ?? $"uid-{name}",
            Generation = generation,
        },
    };

    public JsonObject Json() => KubeJson.ToNode(this);

    /// <summary>An answer to a list. Items of a real list come without apiVersion and kind, so these do.</summary>
    public static JsonObject List(string version, string? next, params Widget[] items)
    {
        var array = new JsonArray();
        foreach (var item in items)
        {
            var json = item.Json();
            json.Remove("apiVersion");
            json.Remove("kind");
            array.Add((JsonNode)json);
        }

        return new JsonObject
        {
            ["apiVersion"] = "test.dev/v1",
            ["kind"] = "WidgetList",
            ["metadata"] = new JsonObject { ["resourceVersion"] = version, ["continue"] = next },
            ["items"] = array,
        };
    }
}

internal sealed record WidgetSpec
{
    public int? Size { get; init; }

    public string? Colour { get; init; }
}

internal sealed record WidgetStatus
{
    public string? Phase { get; init; }

    public string? Message { get; init; }

    public IReadOnlyList<string>? Parts { get; init; }

    public WidgetProgress? Progress { get; init; }
}

internal sealed record WidgetProgress
{
    public int? Done { get; init; }

    public int? Total { get; init; }
}
