using System.Net;
using System.Net.Http.Headers;

namespace Slipway.Registry;

internal enum RegistryFault
{
    /// <summary>401: no credentials, or wrong ones.</summary>
    Unauthorized,

    /// <summary>403: known, and not allowed.</summary>
    Denied,

    NotFound,

    /// <summary>Another 4xx: the registry does not want this content.</summary>
    Refused,

    /// <summary>429 and 5xx, after the retries of one attempt.</summary>
    Busy,

    /// <summary>The certificate is not trusted, or not for this host.</summary>
    Untrusted,

    /// <summary>No connection, no answer in time.</summary>
    Unreachable,

    /// <summary>What came is not what its digest says, is too large, or cannot be read.</summary>
    Corrupt,
}

/// <summary>What a registry would not do.</summary>
internal sealed class RegistryException(RegistryFault fault, string operation, string detail, Exception? cause = null)
    : Exception($"{operation}: {detail}", cause)
{
    public RegistryFault Fault { get; } = fault;

    /// <summary>Whether another try may help.</summary>
    public bool MayPass => Fault == RegistryFault.Busy && IsOfTokenServer;

    /// <summary>The registry's own answers are tried again where they come in.</summary>
    public bool IsOfTokenServer { get; init; }

    /// <summary>When to come again, where it says so.</summary>
    public RetryConditionHeaderValue? RetryAfter { get; init; }

    /// <summary>Method and path, without query.</summary>
    public string Operation { get; } = operation;

    public HttpStatusCode? Status { get; init; }

    /// <summary>The registry's own error code, such as DENIED or MANIFEST_INVALID.</summary>
    public string? Code { get; init; }

    /// <summary>For a message: what was asked, and how it was answered.</summary>
    public string Place => Status is { } status ? $"{Operation}: {(int)status} {Code}".TrimEnd() : Operation;
}
