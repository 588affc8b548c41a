using System.Text;
using Slipway.Registry;

namespace Slipway.Tests.Unit.Registry;

/// <summary>Indexes and attestation manifests as BuildKit writes them.</summary>
internal static class OciSamples
{
    public const string Provenance = "https://slsa.dev/provenance/v1";
    public const string Sbom = "https://spdx.dev/Document";

    public static string Digest(string seed) => Digests.Of(Encoding.UTF8.GetBytes(seed));

    public static ManifestBody Manifest(string json, string mediaType = MediaTypes.OciManifest) => ManifestBody.Of(mediaType, Encoding.UTF8.GetBytes(json));

    public static ManifestBody Image(string architecture) => Manifest(
        $$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciManifest}}","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{Digest(Config(architecture))}}","size":{{Config(architecture).Length}}},"layers":[]}""");

    public static string Config(string architecture) => $$"""{"os":"linux","architecture":"{{architecture}}"}""";

    public static ManifestBody Attestation(ManifestBody image, bool artifact = false, params string[] predicates)
    {
        var described = $$$"""{"mediaType":"{{{MediaTypes.OciManifest}}}","digest":"{{{image.Digest}}}","size":1}""";
        // As BuildKit 0.32 writes it: DescriptorEmptyJSON for a config, artifactType and subject; before it was an image config.
        var config = artifact
            ? """{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"data":"e30="}"""
            : $$"""{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{Digest("c")}}","size":1}""";
        var subject = artifact ? $"\"artifactType\":\"{MediaTypes.AttestationArtifact}\",\"subject\":{described}," : "";
        var layers = string.Join(',', predicates.Select(predicate => Layer(predicate, image)));
        return Manifest($$"""{"schemaVersion":2,"mediaType":"{{MediaTypes.OciManifest}}",{{subject}}"config":{{config}},"layers":[{{layers}}]}""");
    }

    /// <summary>What one platform pushes; "extra" stands for a field that we know nothing of.</summary>
    public static ManifestBody Index(string architecture, ManifestBody image, params ManifestBody[] attestations) => Manifest(
        $$"""
        {"schemaVersion": 2, "mediaType": "{{MediaTypes.OciIndex}}", "manifests": [
        {"mediaType": "{{MediaTypes.OciManifest}}", "digest": "{{image.Digest}}", "size": {{image.Bytes.Length}}, "platform": {"architecture": "{{architecture}}", "os": "linux"} }{{string.Concat(attestations.Select(attestation => ", " + Entry(image, attestation)))}}]}
        """,
        MediaTypes.OciIndex);

    private static string Layer(string predicate, ManifestBody image) =>
        $$$"""{"mediaType":"application/vnd.in-toto+json","digest":"{{{Digest(predicate + image.Digest)}}}","size":{{{predicate.Length}}},"annotations":{"in-toto.io/predicate-type":"{{{predicate}}}"}}""";

    private static string Entry(ManifestBody image, ManifestBody attestation) =>
        $$$"""{"mediaType": "{{{MediaTypes.OciManifest}}}", "digest": "{{{attestation.Digest}}}", "size": {{{attestation.Bytes.Length}}}, "annotations": {"vnd.docker.reference.digest": "{{{image.Digest}}}", "vnd.docker.reference.type": "attestation-manifest"}, "platform": {"architecture": "unknown", "os": "unknown"}, "extra": ["a+b", 1.50]}""";
}
