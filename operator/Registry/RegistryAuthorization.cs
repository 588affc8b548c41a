using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Slipway.Registry;

/// <summary>
/// Answers a registry's challenge: Basic with the user's name and password, Bearer with a token that the named token
/// server gives for them. Holds the header for the calls that follow.
/// </summary>
internal sealed partial class RegistryAuthorization(HttpClient http, RegistryConnection connection, TimeProvider time)
{
    private const int MaxAnswer = 64 * 1024;

    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(30);

    public AuthenticationHeaderValue? Header { get; private set; }

    /// <summary>False where there is nothing (more) to answer with.</summary>
    public async Task<bool> AnswerAsync(IEnumerable<AuthenticationHeaderValue> challenges, CancellationToken token)
    {
        var offered = challenges.ToList();
        if (offered.Find(challenge => Is(challenge, "Bearer")) is { Parameter: { } parameter })
        {
            Header = new AuthenticationHeaderValue("Bearer", await TokenAsync(Parameters(parameter), token));
            return true;
        }

        if (offered.Exists(challenge => Is(challenge, "Basic")) && connection.Credentials is { Username.Length: > 0 } && Header is null)
        {
            Header = BasicHeader();
            return true;
        }

        return false;
    }

    private async Task<string> TokenAsync(IReadOnlyDictionary<string, string> challenge, CancellationToken token)
    {
        using var request = TokenRequest(challenge);
        var operation = $"{request.Method} token of {request.RequestUri!.Authority}";
        using var timeout = new CancellationTokenSource(CallTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(token, timeout.Token);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            if (!response.IsSuccessStatusCode)
            {
                throw Fault(response, operation);
            }

            var body = await BoundedBody.ReadAsync(response.Content, MaxAnswer, either.Token);
            var answer = body is null ? null : JsonSerializer.Deserialize(body, OciJson.Default.TokenAnswer);
            return answer?.Token ?? answer?.AccessToken ?? throw new RegistryException(RegistryFault.Corrupt, operation, "the answer holds no token");
        }
        catch (JsonException e)
        {
            throw new RegistryException(RegistryFault.Corrupt, operation, "the answer is not JSON", e);
        }
        catch (OperationCanceledException e) when (!token.IsCancellationRequested)
        {
            throw new HttpRequestException($"no token in {CallTimeout.TotalSeconds} s", e);
        }
    }

    private HttpRequestMessage TokenRequest(IReadOnlyDictionary<string, string> challenge)
    {
        if (!Uri.TryCreate(challenge.GetValueOrDefault("realm"), UriKind.Absolute, out var realm) || !IsSafe(realm))
        {
            throw new RegistryException(RegistryFault.Refused, "GET token", "the registry names no token server that credentials can be sent to");
        }

        var service = challenge.GetValueOrDefault("service");
        var scope = $"repository:{connection.Repository.Path}:pull,push";
        if (connection.Credentials?.IdentityToken is { } identityToken)
        {
            return new HttpRequestMessage(HttpMethod.Post, realm)
            {
                Content = new FormUrlEncodedContent(new Dictionary<string, string>
                {
                    ["grant_type"] = "refresh_token",
                    ["refresh_token"] = identityToken,
                    ["client_id"] = "slipway",
                    ["service"] = service ?? "",
                    ["scope"] = scope,
                }),
            };
        }

        var query = new UriBuilder(realm);
        var asked = (service is null ? "" : $"service={Uri.EscapeDataString(service)}&") + $"scope={Uri.EscapeDataString(scope)}";
        query.Query = query.Query.Length > 1 ? $"{query.Query[1..]}&{asked}" : asked;
        var request = new HttpRequestMessage(HttpMethod.Get, query.Uri);
        request.Headers.Authorization = connection.Credentials is { Username.Length: > 0 } ? BasicHeader() : null;
        return request;
    }

    /// <summary>A password crosses the network in the clear only where the registry itself is used that way.</summary>
    private bool IsSafe(Uri realm) => realm.Scheme == Uri.UriSchemeHttps || (connection.PlainHttp && realm.Scheme == Uri.UriSchemeHttp);

    private AuthenticationHeaderValue BasicHeader() =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{connection.Credentials!.Username}:{connection.Credentials.Password}")));

    private static RegistryException Fault(HttpResponseMessage response, string operation)
    {
        var fault = (int)response.StatusCode switch
        {
            401 or 400 => RegistryFault.Unauthorized,
            403 => RegistryFault.Denied,
            429 or >= 500 => RegistryFault.Busy,
            _ => RegistryFault.Refused,
        };
        return new RegistryException(fault, operation, $"{(int)response.StatusCode}")
        {
            Status = response.StatusCode,
            IsOfTokenServer = true,
            RetryAfter = response.Headers.RetryAfter,
        };
    }

    private static bool Is(AuthenticationHeaderValue challenge, string scheme) =>
        challenge.Scheme.Equals(scheme, StringComparison.OrdinalIgnoreCase);

    private static Dictionary<string, string> Parameters(string text) =>
        ParameterPattern().Matches(text)
            .GroupBy(match => match.Groups["name"].Value, StringComparer.OrdinalIgnoreCase)
            .ToDictionary(group => group.Key, group => group.First().Groups["value"].Value, StringComparer.OrdinalIgnoreCase);

    [GeneratedRegex("(?<name>[A-Za-z_]+)=(?:\"(?<value>[^\"]*)\"|(?<value>[^\\s,\"]+))")]
    private static partial Regex ParameterPattern();
}
