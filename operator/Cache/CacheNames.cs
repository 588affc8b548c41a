using System.Text;
using Slipway.Api;

namespace Slipway.Cache;

/// <summary>
/// One cache name for each namespace, scope and platform: a shared one would be overwritten whole by every other
/// platform and be open to every other tenant.
/// </summary>
internal static class CacheNames
{
    /// <summary>With the hash, what a registry takes as a tag (128); the same name serves a bucket.</summary>
    private const int ReadableLength = 100;
    private const int HashLength = 12;

    /// <summary>What decides which builds share a cache: the build's own word, else where its image goes.</summary>
    public static string Scope(ImageBuildSpec spec) => string.IsNullOrEmpty(spec.Cache?.Scope) ? spec.Output.Image : spec.Cache.Scope;

    /// <summary>Letters, digits and dashes that a person recognises, and a hash of the whole: a-b/c and a/b-c would read the same.</summary>
    public static string Name(string buildNamespace, string scope, Platform platform)
    {
        var whole = $"{buildNamespace}/{scope}/{platform}";
        var readable = new StringBuilder(whole.Length);
        foreach (var letter in whole.ToLowerInvariant())
        {
            if (char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter)) readable.Append(letter);
            else if (readable.Length > 0 && readable[^1] != '-') readable.Append('-');
        }

        var text = readable.ToString();
        return $"{text[..Math.Min(text.Length, ReadableLength)].TrimEnd('-')}-{ChildNames.Hash(whole, HashLength)}";
    }

    /// <summary>namespace/scope, for BUILDKIT_CACHE_MOUNT_NS: keeps cache mounts apart on a shared builder.</summary>
    public static string MountNamespace(string buildNamespace, string scope) => $"{buildNamespace}/{scope}";
}
