using System.Net;
using System.Security.Authentication;
using Amazon.Runtime;

namespace Slipway.S3;

/// <summary>What AWSSDK throws, as a fault of ours.</summary>
internal static class S3Faults
{
    private const int MaxCode = 40;
    private const int MaxMessage = 200;

    /// <summary>Runs one call.</summary>
    public static async Task<T> GuardAsync<T>(string operation, Func<Task<T>> call, CancellationToken token)
    {
        try
        {
            return await call();
        }
        catch (Exception e) when (e is not S3Exception && !token.IsCancellationRequested && IsOfTheCall(e))
        {
            throw Of(e, operation);
        }
    }

    /// <summary>By the code, since servers give one code with more than one status.</summary>
    public static S3Fault Of(HttpStatusCode status, string? code) => (status, code) switch
    {
        (_, "InvalidAccessKeyId" or "SignatureDoesNotMatch" or "ExpiredToken" or "InvalidToken" or "InvalidClientTokenId" or "InvalidIdentityToken" or "ExpiredTokenException" or "IDPRejectedClaim")
            or (HttpStatusCode.Unauthorized, _) => S3Fault.Unauthorized,
        (_, "NoSuchBucket") or (HttpStatusCode.NotFound, _) => S3Fault.NotFound,
        (_, "NotImplemented") or (HttpStatusCode.NotImplemented or HttpStatusCode.MethodNotAllowed, _) => S3Fault.NotImplemented,
        (_, "SlowDown" or "RequestTimeout") or (HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError, _) => S3Fault.Busy,
        (HttpStatusCode.Forbidden, _) => S3Fault.Denied,
        _ => S3Fault.Refused,
    };

    /// <summary>The server's words end in a log: one line, and not a long one.</summary>
    public static string Tidy(string? text, int length) => new([.. (text ?? "").Where(c => !char.IsControl(c)).Take(length)]);

    private static bool IsOfTheCall(Exception e) =>
        e is AmazonClientException or AmazonServiceException or HttpRequestException or IOException or TimeoutException or OperationCanceledException or ArgumentException;

    private static S3Exception Of(Exception e, string operation) => e switch
    {
        AmazonServiceException { StatusCode: not 0 } answer => new S3Exception(
            Of(answer.StatusCode, answer.ErrorCode), operation, $"{(int)answer.StatusCode} {Tidy(answer.ErrorCode, MaxCode)} {Tidy(answer.Message, MaxMessage)}".TrimEnd(), answer)
        {
            Status = answer.StatusCode,
            Code = Tidy(answer.ErrorCode, MaxCode),
        },
        { InnerException: AuthenticationException } => new S3Exception(S3Fault.Unreachable, operation, "the server's certificate is not trusted or not for this host", e),
        ArgumentException => new S3Exception(S3Fault.Refused, operation, Tidy(e.Message, MaxMessage), e),
        _ => new S3Exception(S3Fault.Unreachable, operation, $"no answer ({Tidy(e.Message, MaxMessage)})", e),
    };
}
