using System.Net;

namespace Slipway.S3;

internal enum S3Fault
{
    /// <summary>No such key, a wrong secret, a session that is over.</summary>
    Unauthorized,

    /// <summary>403: known, and not allowed.</summary>
    Denied,

    /// <summary>There is no such bucket.</summary>
    NotFound,

    /// <summary>The server has no such call, or not all of it.</summary>
    NotImplemented,

    /// <summary>Another 4xx, or an answer that no S3 server gives.</summary>
    Refused,

    /// <summary>429 and 5xx, after the retries of one call.</summary>
    Busy,

    /// <summary>No connection, no trust in the certificate, no answer in time.</summary>
    Unreachable,
}

/// <summary>What an S3 server would not do.</summary>
internal sealed class S3Exception(S3Fault fault, string operation, string detail, Exception? cause = null)
    : Exception($"{operation}: {detail}", cause)
{
    public S3Fault Fault { get; } = fault;

    /// <summary>The call, without keys of objects.</summary>
    public string Operation { get; } = operation;

    public HttpStatusCode? Status { get; init; }

    /// <summary>The server's own error code, such as AccessDenied.</summary>
    public string? Code { get; init; }

    /// <summary>For a message: what was asked, and how it was answered.</summary>
    public string Place => Status is { } status ? $"{Operation}: {(int)status} {Code}".TrimEnd() : Operation;
}
