using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Slipway.Tests.E2E.Faults;

/// <summary>
/// Authentication as the distribution project specifies it: the registry says where tokens are to be had, the service gives them for
/// a password (by GET, or by POST as OAuth 2 has it), each for one repository and some actions.
/// </summary>
internal sealed class TokenService(string address, TestRegistry real)
{
    public const string Path = "/token";

    private const string Service = "e2e-registry";

    private readonly ConcurrentDictionary<string, string> _scopes = new();

    /// <summary>What a token is asked for; empty where for nothing but who one is.</summary>
    public static async Task<string> ScopeAsync(HttpRequest request) =>
        string.Join(' ', [.. HttpMethods.IsPost(request.Method) ? (await request.ReadFormAsync())["scope"] : request.Query["scope"]]);

    public async Task IssueAsync(HttpContext context, string scope)
    {
        if (!await KnowsAsync(context.Request))
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }

        var token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        _scopes[token] = scope;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(JsonSerializer.Serialize(new { token, access_token = token, expires_in = 300 }), context.RequestAborted);
    }

    /// <summary>Where not, the challenge has been written.</summary>
    public bool Admits(HttpContext context)
    {
        var needed = NeededScope(context.Request);
        if (context.Request.Headers.Authorization.ToString().Split(' ', 2) is ["Bearer", var token] && _scopes.TryGetValue(token, out var scope) && Covers(scope, needed)) return true;
        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{address}{Path}\",service=\"{Service}\"{(needed is null ? "" : $",scope=\"{needed}\"")}";
        return false;
    }

    private async Task<bool> KnowsAsync(HttpRequest request)
    {
        if (HttpMethods.IsPost(request.Method))
        {
            var form = await request.ReadFormAsync();
            return form["grant_type"] == "password" && form["username"] == real.User && form["password"] == real.Password;
        }

        return request.Headers.Authorization.ToString() == $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"{real.User}:{real.Password}"))}";
    }

    /// <summary>repository:NAME:ACTIONS of /v2/NAME/(manifests|blobs|…)/…; null for the registry as a whole.</summary>
    private static string? NeededScope(HttpRequest request)
    {
        var parts = (request.Path.Value ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        var end = Array.FindIndex(parts, part => part is "manifests" or "blobs" or "tags" or "referrers");
        if (end <= 1) return null;
        return $"repository:{string.Join('/', parts[1..end])}:{(HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) ? "pull" : "pull,push")}";
    }

    /// <summary>The same repository, and every action; a token may be for several repositories.</summary>
    private static bool Covers(string scopes, string? needed)
    {
        if (needed is null) return true;
        var (name, actions) = Split(needed);
        return scopes.Split(' ').Select(Split).Any(scope => scope.Name == name && actions.All(scope.Actions.Contains));
    }

    private static (string Name, string[] Actions) Split(string scope) => (scope[..Math.Max(scope.LastIndexOf(':'), 0)], scope[(scope.LastIndexOf(':') + 1)..].Split(','));
}
