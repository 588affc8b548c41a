using System.Text;
using Slipway.Api;

namespace Slipway.Cache;

/// <summary>
/// One cache name for each namespace, scope and platform: a shared one would be overwritten whole by every other
/// platform and be open to every other tenant.
/// </summary>
internal static class CacheNames
{
    private const int ScopeLimit = 100;

    /// <summary>What decides which builds share a cache: the build's own word, else where its image goes.</summary>
    public static string Scope(ImageBuildSpec spec) => string.IsNullOrEmpty(spec.Cache?.Scope) ? spec.Output.Image : spec.Cache.Scope;

    /// <summary>repository/namespace/scope:os-architecture.</summary>
    public static string Reference(string repository, string buildNamespace, string scope, Platform platform) =>
        $"{repository.TrimEnd('/')}/{buildNamespace}/{RepositoryPath(scope)}:{platform.Dashed}";

    /// <summary>namespace/scope, for BUILDKIT_CACHE_MOUNT_NS: keeps cache mounts apart on a shared builder.</summary>
    public static string MountNamespace(string buildNamespace, string scope) => $"{buildNamespace}/{scope}";

    /// <summary>A scope may hold what a repository path may not (a registry's port, capitals); a hash keeps changed ones apart.</summary>
    private static string RepositoryPath(string scope)
    {
        var path = new StringBuilder(scope.Length);
        foreach (var letter in scope.ToLowerInvariant())
        {
            var plain = char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter);
            if (plain) path.Append(letter);
            else if (path.Length > 0 && char.IsAsciiLetterOrDigit(path[^1])) path.Append(letter is '/' or '.' or '_' ? letter : '-');
        }

        var text = path.ToString().TrimEnd('/', '.', '_', '-');
        if (text == scope && text.Length <= ScopeLimit) return text;
        return $"{text[..Math.Min(text.Length, ScopeLimit)].TrimEnd('/', '.', '_', '-')}-{ChildNames.Hash(scope, 8)}";
    }
}
