using k8s;
using k8s.Models;

namespace Slipway.Kube.Events;

/// <summary>Good news and bad news: an object that has become ready, or that has stopped for a reason. What only goes on is no news.</summary>
internal static class ReadyTransition
{
    private const string Ready = nameof(Ready);

    /// <summary>Null where the Ready condition says what it said before, or nothing certain.</summary>
    public static RecordedEvent? Of<E>(E entity, IReadOnlyList<V1Condition>? before, IReadOnlyList<V1Condition>? after)
        where E : class, IKubernetesObject<V1ObjectMeta>
    {
        var (old, now) = (Find(before), Find(after));
        if ((old?.Status, old?.Reason) == (now?.Status, now?.Reason))
        {
            return null;
        }

        return now?.Status switch
        {
            "True" => RecordedEvent.Of(entity, EventType.Normal, now.Reason, now.Message),
            "False" => RecordedEvent.Of(entity, EventType.Warning, now.Reason, now.Message),
            _ => null,
        };
    }

    private static V1Condition? Find(IReadOnlyList<V1Condition>? conditions) => conditions?.FirstOrDefault(condition => condition.Type == Ready);
}
