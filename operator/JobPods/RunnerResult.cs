using System.Text.Json;
using System.Text.RegularExpressions;
using k8s.Models;
using Slipway.Runner;

namespace Slipway.JobPods;

/// <summary>What a container of ours has left as its termination message.</summary>
internal static partial class RunnerResult
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

    /// <summary>It is text from a pod: what is no reason would make the API server refuse every status that holds it.</summary>
    public static bool IsSound(RunFailure? failure) => failure is null || (Enum.IsDefined(failure.Class) && Reason().IsMatch(failure.Reason));

    [GeneratedRegex(@"^[A-Za-z]{1,64}\z")]
    private static partial Regex Reason();
}
