using k8s;
using k8s.Models;
using Slipway.Kube.Client;

namespace Slipway.Kube.Events;

internal enum EventType
{
    Normal,
    Warning,
}

/// <summary>
/// Tells people what has happened to an object (kubectl describe, kubectl events). Events are news, not state: one may get lost, and
/// recording neither waits nor fails.
/// </summary>
internal interface IEventRecorder
{
    void Record(RecordedEvent happened);
}

/// <summary>What has happened to which object.</summary>
internal sealed record RecordedEvent(V1ObjectReference Regarding, EventType Type, string Reason, string Message)
{
    /// <param name="entity">The object. Its resourceVersion is left out: it would make each event another.</param>
    /// <param name="type">Whether somebody should worry.</param>
    /// <param name="reason">One word in CamelCase, from a small set.</param>
    /// <param name="message">A sentence for people. The same each time, or the event is not counted up but made anew.</param>
    public static RecordedEvent Of<E>(E entity, EventType type, string reason, string message)
        where E : class, IKubernetesObject<V1ObjectMeta>
    {
        var kind = EntityKind.Of<E>();
        var regarding = new V1ObjectReference
        {
            ApiVersion = kind.ApiVersion,
            Kind = kind.Kind,
            Name = entity.Metadata.Name,
            NamespaceProperty = entity.Metadata.NamespaceProperty,
            Uid = entity.Metadata.Uid,
        };
        return new RecordedEvent(regarding, type, reason, message);
    }
}
