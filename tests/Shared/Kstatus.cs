using System.Text.Json.Nodes;

namespace Slipway.Tests;

/// <summary>What whoever waits by kstatus (kpt, Flux, cli-utils) makes of an object.</summary>
internal enum Kstatus
{
    InProgress,
    Current,
    Failed,
    Terminating,
}

/// <summary>
/// The rules that kstatus publishes for kinds that it does not know (github.com/kubernetes-sigs/cli-utils, pkg/kstatus/README.md), over
/// an object as the API server gives it. The first that speaks decides; where none does, the object is Current.
/// </summary>
internal static class KstatusRules
{
    public static Kstatus Of(JsonObject entity)
    {
        var (metadata, status) = (entity["metadata"] as JsonObject, entity["status"] as JsonObject);
        if (!string.IsNullOrEmpty((string?)metadata?["deletionTimestamp"])) return Kstatus.Terminating;
        // Only where both are there.
        if ((long?)metadata?["generation"] is { } generation && (long?)status?["observedGeneration"] is { } observed && generation != observed) return Kstatus.InProgress;
        var conditions = (status?["conditions"] as JsonArray ?? []).OfType<JsonObject>()
            .Select(condition => (Type: (string?)condition["type"], Status: (string?)condition["status"])).ToList();
        // Whichever of the two comes first in the list.
        foreach (var condition in conditions)
        {
            if (condition is ("Reconciling", "True")) return Kstatus.InProgress;
            if (condition is ("Stalled", "True")) return Kstatus.Failed;
        }

        return conditions.FirstOrDefault(condition => condition.Type == "Ready").Status is "False" or "Unknown" ? Kstatus.InProgress : Kstatus.Current;
    }
}
