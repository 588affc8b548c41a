namespace Slipway.Registry;

internal static class MediaTypes
{
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string AttestationArtifact = "application/vnd.docker.attestation.manifest.v1+json";

    public static bool IsIndex(string? mediaType) => mediaType is OciIndex or DockerList;
}
