using System.Text;
using System.Text.Json;

namespace Slipway.Registry;

/// <summary>A user name and password, or an identity token, for one registry.</summary>
internal sealed record RegistryCredentials
{
    public string Username { get; init; } = "";

    public string Password { get; init; } = "";

    public string? IdentityToken { get; init; }

    // A record's own ToString would print the password.
    public override string ToString() => "credentials";
}

/// <summary>Reads the credentials of a host from a Docker config.json. Credential helpers are programs, which a Job does not have.</summary>
internal static class DockerConfig
{
    public const string DockerHubKey = "https://index.docker.io/v1/";

    /// <exception cref="FormatException">The file is no Docker config; the message holds nothing of it.</exception>
    public static RegistryCredentials? Credentials(ReadOnlySpan<byte> config, string host)
    {
        try
        {
            var reader = new Utf8JsonReader(config);
            using var document = JsonDocument.ParseValue(ref reader);
            return document.RootElement.TryGetProperty("auths", out var auths) ? Find(auths, host) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new FormatException("the Docker config.json cannot be read");
        }
    }

    /// <summary>A key may be a bare host or a URL; Docker Hub has three names.</summary>
    public static bool Matches(string key, string host) => HostOf(key) == HostOf(host);

    private static RegistryCredentials? Find(JsonElement auths, string host)
    {
        var entries = auths.EnumerateObject().Where(entry => Matches(entry.Name, host)).ToList();
        // The exact name is meant before another spelling of it.
        var best = entries.Find(entry => entry.Name == host);
        var value = best.Value.ValueKind == JsonValueKind.Object ? best.Value : entries.FirstOrDefault().Value;
        return value.ValueKind == JsonValueKind.Object ? Read(value) : null;
    }

    private static RegistryCredentials? Read(JsonElement entry)
    {
        var (username, password) = (Text(entry, "username"), Text(entry, "password"));
        if (Text(entry, "auth") is { Length: > 0 } auth)
        {
            var pair = Encoding.UTF8.GetString(Convert.FromBase64String(auth)).TrimEnd('\0');
            var colon = pair.IndexOf(':', StringComparison.Ordinal);
            (username, password) = colon < 0 ? throw new FormatException() : (pair[..colon], pair[(colon + 1)..]);
        }

        var identityToken = Text(entry, "identitytoken");
        return string.IsNullOrEmpty(username) && string.IsNullOrEmpty(identityToken) ? null
            : new RegistryCredentials { Username = username ?? "", Password = password ?? "", IdentityToken = string.IsNullOrEmpty(identityToken) ? null : identityToken };
    }

    private static string? Text(JsonElement entry, string name) => entry.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static string HostOf(string key)
    {
        var scheme = key.IndexOf("://", StringComparison.Ordinal);
        var rest = scheme < 0 ? key : key[(scheme + 3)..];
        var host = rest.Split('/', 2)[0];
        return host is "index.docker.io" or "registry-1.docker.io" ? "docker.io" : host;
    }
}
