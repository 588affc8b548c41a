using Slipway.Registry;
using Slipway.S3;

namespace Slipway.Runner;

/// <summary>A remote cache, and the credentials for it as this pod has found them.</summary>
internal sealed record CacheAccess(CacheDescription Cache)
{
    /// <summary>Where the cache is in a bucket.</summary>
    public S3Keys? Keys { get; init; }

    /// <summary>A Docker config.json, where the cache is in a registry that is not asked anonymously.</summary>
    public byte[]? RegistryConfig { get; init; }

    /// <summary>Either of the two: a cache that cannot be asked is done without, and its problem is told.</summary>
    public static async Task<(CacheAccess? Access, CacheProblem? Problem)> OpenAsync(CacheDescription cache, CancellationToken token)
    {
        try
        {
            return await FindAsync(cache, token) is { } access ? (access, null) : (null, CacheProblems.CredentialsMissing(cache));
        }
        catch (S3Exception refused)
        {
            return (null, CacheProblems.NoKeys(refused));
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            return (null, CacheProblems.CredentialsMissing(cache));
        }
    }

    /// <summary>Null where the credentials are not here: the pool names the Secret, and this namespace need not have it.</summary>
    private static async Task<CacheAccess?> FindAsync(CacheDescription cache, CancellationToken token)
    {
        if (cache.S3 is { } bucket)
        {
            return await S3KeySource.ReadAsync(bucket.CredentialsDirectory, token) is { } keys ? new CacheAccess(cache) { Keys = keys } : null;
        }

        if (cache.Registry?.CredentialsDirectory is not { } folder)
        {
            return new CacheAccess(cache);
        }

        // Without an entry for it every build would ask in vain, and the builder asks all clients for their credentials one after the other.
        if (CredentialFiles.Read(folder) is not { } config || DockerConfig.Credentials(config, RepositoryName.Parse(cache.Registry.Repository).Host) is null)
        {
            return null;
        }

        // Put together with the output's it would be that one's failure.
        CredentialFiles.Merge([config]);
        return new CacheAccess(cache) { RegistryConfig = config };
    }
}
