using System.Text.Json;
using System.Text.Json.Serialization;
using k8s.Models;

namespace Slipway.Scheduling;

/// <summary>What a builder's preflight container found out about image and node, left as its termination message.</summary>
internal sealed record BuilderFacts
{
    public const string ContainerName = "preflight";

    /// <summary>As buildkitd --version prints it: v0.32.2.</summary>
    [JsonPropertyName("version")]
    public string? Version { get; init; }

    /// <summary>user.max_user_namespaces of the node; 0 keeps rootless builders from starting.</summary>
    [JsonPropertyName("maxUserNamespaces")]
    public long? MaxUserNamespaces { get; init; }

    /// <summary>kernel.apparmor_restrict_unprivileged_userns of the node; null where the kernel has no such switch.</summary>
    [JsonPropertyName("apparmorRestrictsUserNamespaces")]
    public bool? ApparmorRestrictsUserNamespaces { get; init; }

    /// <summary>Whether binaries of the platform run on the node, by an emulator of the image or one that the node has registered; null for native builders.</summary>
    [JsonPropertyName("emulates")]
    public bool? Emulates { get; init; }

    /// <summary>Null before the container has ended, or where its message is not one of ours.</summary>
    public static BuilderFacts? From(V1Pod pod)
    {
        var message = pod.Status?.InitContainerStatuses?.FirstOrDefault(status => status.Name == ContainerName)?.State?.Terminated?.Message;
        if (string.IsNullOrEmpty(message)) return null;
        try
        {
            return JsonSerializer.Deserialize<BuilderFacts>(message);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
