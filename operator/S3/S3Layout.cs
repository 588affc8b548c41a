namespace Slipway.S3;

/// <summary>Where BuildKit keeps what of a cache in a bucket; it joins prefix and name as they are.</summary>
internal static class S3Layout
{
    public static string Manifests(string prefix) => $"{prefix}manifests/";

    public static string Blobs(string prefix) => $"{prefix}blobs/";
}
