using System.Net;
using System.Text.Json;
using k8s;
using k8s.Models;

namespace Slipway.Kube.Client;

/// <summary>The API server refused. The message is the server's own sentence (V1Status.message), never a raw response body.</summary>
internal sealed class KubeApiException(HttpStatusCode statusCode, string reason, string message) : Exception(message)
{
    public HttpStatusCode StatusCode { get; } = statusCode;

    /// <summary>The machine-readable reason of V1Status, such as Conflict, AlreadyExists or Expired; empty where the server gave none.</summary>
    public string Reason { get; } = reason;

    public bool IsNotFound => StatusCode == HttpStatusCode.NotFound;

    /// <summary>The object changed or was replaced since it was read. Not so for a create that found the name taken, which is also a 409.</summary>
    public bool IsConflict => StatusCode == HttpStatusCode.Conflict && !IsAlreadyExists;

    public bool IsAlreadyExists => Reason == "AlreadyExists";

    /// <summary>The resourceVersion or continue token is too old: only a new list helps.</summary>
    public bool IsExpired => StatusCode == HttpStatusCode.Gone || Reason is "Expired" or "Gone";

    /// <summary>The server is overloaded or failing: the same call may succeed later.</summary>
    public bool IsTransient => !IsExpired && (StatusCode == HttpStatusCode.TooManyRequests || (int)StatusCode >= 500);

    internal static KubeApiException From(HttpStatusCode statusCode, string body)
    {
        try
        {
            return From(KubernetesJson.Deserialize<V1Status>(body), statusCode);
        }
        catch (JsonException)
        {
            // A proxy's page, not the API server's answer. Its text is neither ours to judge nor to show.
            return new KubeApiException(statusCode, "", $"The API server answered {(int)statusCode}.");
        }
    }

    internal static KubeApiException From(V1Status? status, HttpStatusCode fallback)
    {
        var code = status?.Code is { } number and > 0 ? (HttpStatusCode)number : fallback;
        return new KubeApiException(code, status?.Reason ?? "", status?.Message ?? $"The API server answered {(int)code}.");
    }
}
