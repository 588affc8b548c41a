using System.Globalization;
using Slipway.Registry;

namespace Slipway.Runner;

/// <summary>
/// A remote cache as attributes of --import-cache and --export-cache. Keys of a bucket appear here, in the arguments of a process
/// inside this pod, and nowhere else: the builder's own environment would be open to every step that runs there.
/// </summary>
internal static class CacheArgs
{
    /// <summary>The build's own name first: of two that hold a step the first one serves it.</summary>
    public static IEnumerable<string> Import(CacheAccess access, OutputDescription output) =>
        access.Cache.Others.Prepend(access.Cache.Name).Distinct().SelectMany(name => new[] { "--import-cache", CsvFields.Join(Place(access, name, output)) });

    /// <summary>Without ignore-error: nothing depends on this solve, and whether it wrote the cache has to be known.</summary>
    public static IEnumerable<string> Export(CacheAccess access, OutputDescription output)
    {
        string[] form = access.Cache.S3 is { } bucket
            ? [string.Create(CultureInfo.InvariantCulture, $"touch_refresh={bucket.TouchRefreshSeconds}s")]
            : ["image-manifest=true", "oci-mediatypes=true"];
        return ["--export-cache", CsvFields.Join([.. Place(access, access.Cache.Name, output), $"mode={access.Cache.Mode}", .. form])];
    }

    /// <summary>The image that holds the cache of that name.</summary>
    public static ImageReference Reference(RegistryCacheDescription registry, string name) => ImageReference.Parse($"{registry.Repository}:{name}");

    private static IEnumerable<string> Place(CacheAccess access, string name, OutputDescription output) =>
        access.Cache.S3 is { } bucket ? Place(bucket, access, name) : Place(Reference(access.Cache.Registry!, name), output);

    private static string[] Place(ImageReference reference, OutputDescription output) =>
    [
        "type=registry", $"ref={reference}",
        .. output.PlainHttp && reference.Repository.Host == RepositoryName.Parse(output.Image).Host ? ["registry.insecure=true"] : Array.Empty<string>(),
    ];

    private static string[] Place(S3CacheDescription bucket, CacheAccess access, string name) =>
    [
        "type=s3", $"bucket={bucket.Bucket}", $"region={bucket.Region}", $"name={name}",
        .. bucket.Prefix.Length == 0 ? [] : new[] { $"prefix={bucket.Prefix}" },
        .. bucket.EndpointUrl is null ? [] : new[] { $"endpoint_url={bucket.EndpointUrl}" },
        .. bucket.UsePathStyle ? new[] { "use_path_style=true" } : [],
        $"access_key_id={access.Keys!.AccessKeyId}", $"secret_access_key={access.Keys.SecretAccessKey}",
        .. access.Keys.SessionToken is null ? [] : new[] { $"session_token={access.Keys.SessionToken}" },
    ];
}
