using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using Slipway.Api;
using Slipway.Kube.Client;
using YamlDotNet.Core;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.EventEmitters;

namespace Slipway.Tests.Unit;

/// <summary>Files of tests/Unit/Golden. UPDATE_GOLDEN=1 writes what the code gives now; look at the difference before you commit it.</summary>
internal static class GoldenFiles
{
    private static readonly bool Update = Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1";

    private static readonly IDeserializer Reader = new DeserializerBuilder().WithAttemptingUnquotedStringTypeDeserialization().Build();

    private static readonly ISerializer ToJson = new SerializerBuilder().JsonCompatible().Build();

    private static readonly ISerializer Writer = new SerializerBuilder()
        .WithIndentedSequences().WithEventEmitter(next => new BlockText(next)).Build();

    public static IEnumerable<string> Cases(string folder) => Directory.EnumerateDirectories(PathOf(folder)).Select(path => Path.GetFileName(path)!).Order();

    public static V1Alpha1BuilderPool Pool(string path)
    {
        var json = ToJson.Serialize(Reader.Deserialize<object>(File.ReadAllText(PathOf(path))));
        return KubernetesJson.Deserialize<V1Alpha1BuilderPool>(json);
    }

    public static void Check(string path, string actual)
    {
        if (Update) File.WriteAllText(PathOf(path), actual);
        actual.ShouldBe(File.ReadAllText(PathOf(path)));
    }

    /// <summary>The very bodies that are applied, as YAML documents.</summary>
    public static string Yaml(IEnumerable<IKubernetesObject<V1ObjectMeta>> objects) =>
        string.Join("---\n", objects.Select(entity => Writer.Serialize(Plain(Body(entity))!)));

    public static JsonObject Body(IKubernetesObject<V1ObjectMeta> entity) => entity switch
    {
        V1StatefulSet set => ApplyBody.Of(set),
        V1Service service => ApplyBody.Of(service),
        V1ConfigMap config => ApplyBody.Of(config),
        V1NetworkPolicy policy => ApplyBody.Of(policy),
        V1Job job => ApplyBody.Of(job),
        _ => throw new ArgumentException(entity.Kind, nameof(entity)),
    };

    private static object? Plain(JsonNode? node) => node switch
    {
        JsonObject map => map.ToDictionary(item => item.Key, item => Plain(item.Value)),
        JsonArray list => list.Select(Plain).ToList(),
        JsonValue value => value.GetValueKind() switch
        {
            JsonValueKind.String => value.GetValue<string>(),
            JsonValueKind.Number => value.GetValue<JsonElement>().GetInt64(),
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw new ArgumentException("A body holds no null.", nameof(node)),
        },
        _ => throw new ArgumentException("A body holds no null.", nameof(node)),
    };

    // Of the checkout, not of the compiler: where CI is true, the compiler is told to forget where the sources lay.
    private static string PathOf(string path) => Repository.Path("tests", "Unit", "Golden", path);

    private sealed class BlockText(IEventEmitter next) : ChainedEventEmitter(next)
    {
        public override void Emit(ScalarEventInfo eventInfo, IEmitter emitter)
        {
            if (eventInfo.Source.Value is string text)
            {
                var ambiguous = text.Length == 0 || long.TryParse(text, out _) || text is "true" or "false" or "null" or "None";
                eventInfo.Style = text.Contains('\n', StringComparison.Ordinal) ? ScalarStyle.Literal : ambiguous ? ScalarStyle.DoubleQuoted : ScalarStyle.Any;
            }

            base.Emit(eventInfo, emitter);
        }
    }
}
