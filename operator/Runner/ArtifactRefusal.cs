using System.Text.RegularExpressions;

namespace Slipway.Runner;

/// <summary>
/// Whether a registry refused a manifest for its form. BuildKit stores attestations as OCI artifacts with a subject from 0.32
/// on, and not every registry takes these. How they say so differs: GitLab misses the subject, which the same push brings
/// later; Alibaba's denies an unknown class; older ones find the manifest invalid. BuildKit before 0.31 passes on the status alone.
/// </summary>
internal static partial class ArtifactRefusal
{
    /// <summary>Worth another push in the older form: it costs seconds, since every step is cached, and helps where it was the form.</summary>
    public static bool IsLikely(string text) => text.Contains("failed to push", StringComparison.Ordinal) && (InWords(text) || RefusedManifest().IsMatch(text));

    /// <summary>In words that leave no doubt where artifacts were pushed.</summary>
    public static bool InWords(string text) => UnknownForm().IsMatch(text);

    [GeneratedRegex(@"unknown manifest class|(?:manifest )?blob unknown to registry|application/vnd\.oci\.empty\.v1\+json|unsupported artifactType|artifactType[^\n]*not supported", RegexOptions.IgnoreCase)]
    private static partial Regex UnknownForm();

    // 401, 407, 408, 413 and 429 are about something else. 403 is what Alibaba's denial is, too: wrong credentials are refused long before a manifest.
    [GeneratedRegex(@"PUT request to \S+/manifests/\S+: 4(?!01|07|08|13|29)\d\d\b|manifest invalid|MANIFEST_INVALID|unsupported manifest|unknown media type", RegexOptions.IgnoreCase)]
    private static partial Regex RefusedManifest();
}
