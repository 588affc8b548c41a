using System.Text.Json;
using k8s.Models;
using Slipway.Runner;

namespace Slipway.JobPods;

/// <summary>What a container of ours has left as its termination message.</summary>
internal static class RunnerResult
{
    /// <summary>Null as long as it runs, and where it left nothing that can be read.</summary>
    public static RunResult? Of(V1Pod pod, string container)
    {
        if (JobContainers.EndOf(pod, container)?.Message is not { Length: > 0 } message) return null;
        try
        {
            return RunnerJson.Deserialize<RunResult>(message);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
