using System.Text.Json;
using System.Text.Json.Nodes;

namespace Slipway.Runner;

/// <summary>
/// The Docker configs that the pod mounts. Secrets are mounted as optional, so a missing one is an empty folder here.
/// </summary>
internal static class CredentialFiles
{
    // The kubelet's name for the key of a kubernetes.io/dockerconfigjson Secret, where the pod does not rename it.
    private static readonly string[] Names = ["config.json", ".dockerconfigjson"];

    /// <summary>Null where the folder holds no config.</summary>
    public static byte[]? Read(string folder) =>
        Names.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists) is { } path ? File.ReadAllBytes(path) : null;

    /// <summary>
    /// One config with the entries of all, the first to name a host winning. Docker Hub's goes under the one name that buildctl
    /// looks for, whichever of its names it came with. Only auths are taken over: credential helpers are
    /// programs that are not here, and naming one would make buildctl fail.
    /// </summary>
    /// <exception cref="FormatException">One of them is no Docker config; the message holds nothing of it.</exception>
    public static string Merge(IEnumerable<byte[]> configs)
    {
        var merged = new JsonObject();
        foreach (var entry in configs.SelectMany(Entries))
        {
            if (!merged.Any(known => Registry.DockerConfig.Matches(known.Key, entry.Key)))
            {
                var key = Registry.DockerConfig.Matches(entry.Key, "docker.io") ? Registry.DockerConfig.DockerHubKey : entry.Key;
                merged[key] = entry.Value?.DeepClone();
            }
        }

        return new JsonObject { ["auths"] = merged }.ToJsonString();
    }

    private static IEnumerable<KeyValuePair<string, JsonNode?>> Entries(byte[] config)
    {
        try
        {
            return JsonNode.Parse(config) is JsonObject root ? root["auths"]?.AsObject().ToList() ?? [] : throw new FormatException();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            throw new FormatException("a Docker config.json cannot be read");
        }
    }
}
