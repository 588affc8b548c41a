using System.Net;

namespace Slipway.Kube.Client;

/// <summary>
/// Sends a request again when the server has put it off (429 or 503 with Retry-After). The server says so before it does anything,
/// so even a create may be repeated. Without the header the answer goes back to the caller, who has a backoff of its own.
/// </summary>
internal sealed class RetryAfterHandler(TimeProvider time, Func<double> jitter) : DelegatingHandler
{
    private const int Retries = 4;

    // More is not worth a blocked worker: the key can wait in the queue just as well.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            var response = await base.SendAsync(request, cancellationToken);
            if (attempt == Retries || WaitOf(response) is not { } wait || wait > LongestWait)
            {
                return response;
            }

            response.Dispose();
            // Up to a fifth more, or all whom the server has put off come back in the same moment.
            await Task.Delay(wait * (1 + (0.2 * jitter())), time, cancellationToken);
        }
    }

    private TimeSpan? WaitOf(HttpResponseMessage response) =>
        response is { StatusCode: HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable, Headers.RetryAfter: { } retryAfter }
            ? NotNegative(retryAfter.Delta ?? retryAfter.Date - time.GetUtcNow())
            : null;

    /// <summary>A date that has passed, by this clock or by the sender's, means now.</summary>
    private static TimeSpan? NotNegative(TimeSpan? wait) => wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
}
