using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Text.Json;

namespace Slipway.Registry;

/// <summary>One call, described so that it can be sent again.</summary>
internal sealed record RegistryRequest(HttpMethod Method, Uri Url, string Operation)
{
    /// <summary>The registry's own address: credentials go there only.</summary>
    public required Uri Home { get; init; }

    public Func<HttpContent>? Body { get; init; }

    public IReadOnlyList<string> Accept { get; init; } = [];

    /// <summary>Asked each time right before it is sent; what this throws ends the call.</summary>
    public Func<CancellationToken, Task>? BeforeTry { get; init; }
}

/// <summary>Authorization, redirects, retries and the translation of faults, in one place for all calls.</summary>
internal sealed class RegistryTransport(HttpClient http, RegistryAuthorization authorization, TimeProvider time)
{
    private const int MaxTries = 20;
    private const int MaxRedirects = 5;
    private const int MaxErrorBody = 16 * 1024;

    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(60);

    /// <summary>A registry that restarts or fails over is gone for less; the caller's own deadline may end it earlier.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan MaxAskedPause = TimeSpan.FromSeconds(20);

    /// <summary>The answer of a call that succeeded; everything else is a <see cref="RegistryException"/>.</summary>
    public async Task<HttpResponseMessage> SendAsync(RegistryRequest request, CancellationToken token)
    {
        var tries = new Tries(time);
        while (true)
        {
            TimeSpan pause;
            try
            {
                var response = await AuthorizedAsync(request, token);
                if (response.IsSuccessStatusCode)
                {
                    return response;
                }

                using (response)
                {
                    if (!IsBusy(response.StatusCode) || !tries.MayGoOn(response.Headers.RetryAfter, out pause))
                    {
                        throw await FaultAsync(response, request.Operation, token);
                    }
                }
            }
            catch (RegistryException e) when (e.MayPass && tries.MayGoOn(e.RetryAfter, out pause))
            {
                // The token server was busy.
            }
            catch (HttpRequestException e)
            {
                if (IsUntrusted(e) || !tries.MayGoOn(null, out pause))
                {
                    throw Unreached(request.Operation, e);
                }
            }

            await Task.Delay(pause, time, token);
        }
    }

    /// <summary>The body, or a fault where it is larger than it may be.</summary>
    public async Task<byte[]> ReadAsync(HttpResponseMessage response, int maxBytes, string operation, CancellationToken token)
    {
        using var timeout = new CancellationTokenSource(CallTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, timeout.Token);
        try
        {
            return await BoundedBody.ReadAsync(response.Content, maxBytes, either.Token)
                ?? throw new RegistryException(RegistryFault.Corrupt, operation, $"the answer is larger than {maxBytes} bytes");
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !token.IsCancellationRequested))
        {
            throw new RegistryException(RegistryFault.Unreachable, operation, "the answer broke off", e);
        }
    }

    private async Task<HttpResponseMessage> AuthorizedAsync(RegistryRequest request, CancellationToken token)
    {
        var response = await FollowAsync(request, token);
        if (response.StatusCode != HttpStatusCode.Unauthorized || !IsHome(request, response.RequestMessage?.RequestUri ?? request.Url))
        {
            return response;
        }

        // Once for no credentials, once for a token that has run out meanwhile; a second 401 is an answer.
        using (response)
        {
            if (!await authorization.AnswerAsync(response.Headers.WwwAuthenticate, token))
            {
                throw await FaultAsync(response, request.Operation, token);
            }
        }

        return await FollowAsync(request, token);
    }

    private async Task<HttpResponseMessage> FollowAsync(RegistryRequest request, CancellationToken token)
    {
        var url = request.Url;
        for (var hops = 0; ; hops++)
        {
            var response = await OnceAsync(request, url, token);
            if (response.StatusCode is not (HttpStatusCode.Moved or HttpStatusCode.Found or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect)
                || response.Headers.Location is not { } location)
            {
                return response;
            }

            response.Dispose();
            var next = new Uri(url, location);
            var downgrade = url.Scheme == Uri.UriSchemeHttps && next.Scheme != Uri.UriSchemeHttps;
            if (hops == MaxRedirects || downgrade || (request.Body is not null && !SameHost(url, next)))
            {
                throw new RegistryException(RegistryFault.Refused, request.Operation, "the registry redirects where this call must not follow");
            }

            url = next;
        }
    }

    private async Task<HttpResponseMessage> OnceAsync(RegistryRequest request, Uri url, CancellationToken token)
    {
        // Ahead of the authorization, which a call in there may renew.
        if (request.BeforeTry is { } ask)
        {
            await ask(token);
        }

        using var message = new HttpRequestMessage(request.Method, url) { Content = request.Body?.Invoke() };
        foreach (var mediaType in request.Accept)
        {
            message.Headers.Accept.ParseAdd(mediaType);
        }

        if (IsHome(request, url))
        {
            message.Headers.Authorization = authorization.Header;
        }

        using var timeout = new CancellationTokenSource(CallTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, timeout.Token);
        try
        {
            return await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, either.Token);
        }
        catch (OperationCanceledException e) when (!token.IsCancellationRequested)
        {
            throw new HttpRequestException($"no answer in {CallTimeout.TotalSeconds} s", e);
        }
    }

    private static bool IsHome(RegistryRequest request, Uri url) => SameHost(request.Home, url);

    private static bool SameHost(Uri one, Uri other) => one.Scheme == other.Scheme && one.Authority == other.Authority;

    private static bool IsBusy(HttpStatusCode status) => status == HttpStatusCode.TooManyRequests || (int)status >= 500;

    private static bool IsUntrusted(HttpRequestException e) => e.InnerException is AuthenticationException;

    private static RegistryException Unreached(string operation, HttpRequestException e) => IsUntrusted(e)
        ? new RegistryException(RegistryFault.Untrusted, operation, "the registry's certificate is not trusted or not for this host", e)
        : new RegistryException(RegistryFault.Unreachable, operation, $"no connection ({e.HttpRequestError})", e);

    private static async Task<RegistryException> FaultAsync(HttpResponseMessage response, string operation, CancellationToken token)
    {
        var error = await ErrorAsync(response, token);
        var fault = response.StatusCode switch
        {
            HttpStatusCode.Unauthorized => RegistryFault.Unauthorized,
            HttpStatusCode.Forbidden => RegistryFault.Denied,
            HttpStatusCode.NotFound => RegistryFault.NotFound,
            var status when IsBusy(status) => RegistryFault.Busy,
            _ => RegistryFault.Refused,
        };
        return new RegistryException(fault, operation, $"{(int)response.StatusCode} {error?.Code} {error?.Message}".TrimEnd())
        {
            Status = response.StatusCode,
            Code = error?.Code,
        };
    }

    private static async Task<RegistryError?> ErrorAsync(HttpResponseMessage response, CancellationToken token)
    {
        try
        {
            var body = await BoundedBody.ReadAsync(response.Content, MaxErrorBody, token);
            var first = body is null ? null : JsonSerializer.Deserialize(body, OciJson.Default.RegistryErrors)?.Errors is [var head, ..] ? head : null;
            return first is null ? null : new RegistryError { Code = Tidy(first.Code, 40), Message = Tidy(first.Message, 200) };
        }
        catch (Exception e) when (e is JsonException or HttpRequestException or IOException)
        {
            return null;
        }
    }

    /// <summary>The registry's words end in a log: one line, and not a long one.</summary>
    private static string? Tidy(string? text, int length) =>
        text is null ? null : new string([.. text.Where(c => !char.IsControl(c)).Take(length)]);

    /// <summary>How long to wait before each further try, and whether there is one.</summary>
    private sealed class Tries(TimeProvider time)
    {
        private readonly long _started = time.GetTimestamp();
        private TimeSpan _paused;
        private int _count;

        public bool MayGoOn(RetryConditionHeaderValue? retryAfter, out TimeSpan pause)
        {
            pause = retryAfter switch
            {
                { Delta: { } delta } => Within(delta, MaxAskedPause),
                { Date: { } date } => Within(date - time.GetUtcNow(), MaxAskedPause),
                _ => Within(TimeSpan.FromMilliseconds(500 * Math.Pow(2, _count)), MaxPause),
            };
            _count++;
            _paused += pause;
            // Pauses of no length end too: a registry may ask for none for ever.
            var spent = TimeSpan.FromTicks(Math.Max(_paused.Ticks, time.GetElapsedTime(_started).Ticks));
            return spent <= Patience && _count <= MaxTries;
        }

        private static TimeSpan Within(TimeSpan asked, TimeSpan most) => asked < TimeSpan.Zero ? TimeSpan.Zero : asked > most ? most : asked;
    }
}
