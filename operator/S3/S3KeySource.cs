using Amazon;
using Amazon.Runtime;
using Amazon.SecurityToken;
using Amazon.SecurityToken.Model;

namespace Slipway.S3;

/// <summary>
/// The keys that a pod has been given: files of a mounted Secret, or the identity that its cloud gives to the pod itself. Nothing
/// else: the node's own identity belongs to the node, and no key comes by an environment variable or a profile.
/// </summary>
internal static class S3KeySource
{
    private const string SessionName = "slipway";

    /// <summary>Null where there are none.</summary>
    /// <exception cref="S3Exception">The pod has an identity, and no keys are given for it.</exception>
    public static async Task<S3Keys?> ReadAsync(string? credentialsDirectory, CancellationToken token)
    {
        if (credentialsDirectory is not null)
        {
            return await FromFolderAsync(credentialsDirectory, token);
        }

        if (Variable("AWS_ROLE_ARN") is { } role && Variable("AWS_WEB_IDENTITY_TOKEN_FILE") is { } file)
        {
            return await S3Faults.GuardAsync("AssumeRoleWithWebIdentity", () => FromWebIdentityAsync(role, file, token), token);
        }

        if (Variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") is not null || Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") is not null)
        {
            return await S3Faults.GuardAsync("container credentials", () => FromContainerAsync(token), token);
        }

        return null;
    }

    private static async Task<S3Keys?> FromFolderAsync(string folder, CancellationToken token)
    {
        var id = await FileAsync(folder, "AWS_ACCESS_KEY_ID", token);
        var secret = await FileAsync(folder, "AWS_SECRET_ACCESS_KEY", token);
        return id is null || secret is null ? null : new S3Keys(id, secret, await FileAsync(folder, "AWS_SESSION_TOKEN", token));
    }

    /// <summary>Editors and echo end a file with a newline, which is no part of a key. Null where nothing is left.</summary>
    private static async Task<string?> FileAsync(string folder, string name, CancellationToken token)
    {
        var path = Path.Combine(folder, name);
        return File.Exists(path) ? NullIfEmpty((await File.ReadAllTextAsync(path, token)).TrimEnd()) : null;
    }

    /// <summary>IRSA and what works like it. The call is not signed: the token is what speaks for the pod.</summary>
    private static async Task<S3Keys?> FromWebIdentityAsync(string role, string tokenFile, CancellationToken token)
    {
        using var client = new AmazonSecurityTokenServiceClient(new AnonymousAWSCredentials(), new AmazonSecurityTokenServiceConfig
        {
            RegionEndpoint = RegionEndpoint.GetBySystemName(Variable("AWS_REGION") ?? Variable("AWS_DEFAULT_REGION") ?? "us-east-1"),
            DefaultConfigurationMode = DefaultConfigurationMode.Standard,
        });
        var request = new AssumeRoleWithWebIdentityRequest
        {
            RoleArn = role,
            RoleSessionName = Variable("AWS_ROLE_SESSION_NAME") ?? SessionName,
            WebIdentityToken = (await File.ReadAllTextAsync(tokenFile, token)).TrimEnd(),
        };
        var keys = (await client.AssumeRoleWithWebIdentityAsync(request, token)).Credentials;
        return new S3Keys(keys.AccessKeyId, keys.SecretAccessKey, NullIfEmpty(keys.SessionToken));
    }

    /// <summary>EKS Pod Identity and ECS. AWSSDK asks loopback, the two agents' own addresses or https, and nobody else.</summary>
    private static async Task<S3Keys?> FromContainerAsync(CancellationToken token)
    {
        using var source = new GenericContainerCredentials();
        var keys = await source.GetCredentialsAsync().WaitAsync(token);
        return new S3Keys(keys.AccessKey, keys.SecretKey, NullIfEmpty(keys.Token));
    }

    private static string? Variable(string name) => NullIfEmpty(Environment.GetEnvironmentVariable(name));

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
