using k8s.Models;
using Slipway.Api;

namespace Slipway.Builds;

/// <summary>Whether a build's namespace is among those that its pool has chosen for something.</summary>
internal static class NamespaceSelection
{
    /// <summary>The pool's own namespace always is.</summary>
    public static bool Holds(AllowedNamespaces allowed, BuildSnapshot snapshot) => snapshot.PoolKey.Namespace == snapshot.Key.Namespace || allowed.From switch
    {
        "All" => true,
        "Selector" => allowed.Selector is { } selector && Matches(selector, snapshot.NamespaceLabels ?? new Dictionary<string, string>()),
        _ => false,
    };

    internal static bool Matches(V1LabelSelector selector, IReadOnlyDictionary<string, string> labels) =>
        (selector.MatchLabels ?? new Dictionary<string, string>()).All(pair => labels.TryGetValue(pair.Key, out var value) && value == pair.Value)
        && (selector.MatchExpressions ?? []).All(requirement => Matches(requirement, labels));

    private static bool Matches(V1LabelSelectorRequirement requirement, IReadOnlyDictionary<string, string> labels)
    {
        var has = labels.TryGetValue(requirement.Key, out var value);
        return requirement.OperatorProperty switch
        {
            "In" => has && requirement.Values.Contains(value),
            "NotIn" => !has || !requirement.Values.Contains(value),
            "Exists" => has,
            "DoesNotExist" => !has,
            _ => false,
        };
    }
}
