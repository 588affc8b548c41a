using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace Slipway.Api.Validation;

/// <summary>
/// Every regular expression of the CRDs, letter for letter (a test compares them), in the part of the syntax that Go and
/// .NET share.
/// </summary>
internal static class Patterns
{
    private const string HostPart = "[a-z0-9]([a-z0-9-]*[a-z0-9])?";
    private const string Host = HostPart + @"(\." + HostPart + ")*";
    private const string Port = "(:[0-9]{1,5})?";
    private const string PathPart = @"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*";

    public const string PoolName = "^[a-z]([-a-z0-9.]*[a-z0-9])?$";
    public const string ObjectName = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";
    public const string DnsLabel = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    public const string DnsSubdomain = @"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
    public const string LabelKey = "^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$";
    public const string LabelValue = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";
    public const string TaintKey = "^[-A-Za-z0-9_./]*$";

    public const string Platform = Api.Platform.Pattern;
    public const string Duration = GoDuration.Pattern;
    public const string StorageSize = @"^[1-9][0-9]{0,11}(\.[0-9]{1,3})?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$";
    public const string Quantity = @"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?$";

    public const string ImageReference = "^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$";
    public const string RegistryHost = "^" + Host + Port + "$";
    public const string Mirror = "^" + Host + Port + "(/" + PathPart + ")*$";
    public const string Frontend = "^" + Host + Port + "(/" + PathPart + ")+$";
    public const string EndpointAddress = @"^tcp://(" + Host + @"|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$";
    public const string Cidr = "^[0-9a-fA-F.:]+/[0-9]{1,3}$";
    public const string Tag = "^[A-Za-z0-9_][A-Za-z0-9_.-]*$";
    public const string TagOrDigest = "/.*:";
    public const string UpperCase = "[A-Z]";

    /// <summary>A first part without dot, port or localhost would mean Docker Hub to some and a host to others.</summary>
    public const string Repository =
        "^(" + Host + ":[0-9]{1,5}|localhost|" + HostPart + @"(\." + HostPart + ")+)(/" + PathPart + ")+$";

    public const string CacheScope = "^" + PathPart + "(/" + PathPart + ")*$";

    /// <summary>A scope that nobody has named is the image's repository, whose host may have a port.</summary>
    public const string CacheScopeOrImage = "^" + PathPart + Port + "(/" + PathPart + ")*$";

    public const string Bucket = @"^[a-z0-9](\.?[a-z0-9-])+[a-z0-9]$";
    public const string KeyPrefix = "^([A-Za-z0-9_-][A-Za-z0-9_.-]*/)+$";
    public const string EndpointUrl = @"^https?://(" + Host + @"|\[[0-9a-fA-F:]+\])" + Port + "$";

    public const string WebScheme = "^https?://";
    public const string UserInfo = "^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@";
    public const string GitUrl = @"^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*@)?[A-Za-z0-9.-]+(:[0-9]{1,5})?/[^\x00-\x20\x7f?#,\\]+$";
    public const string NotInRevision = @"[\x00-\x20\x7f~^:?*\[\\]";
    public const string NotRevisionShape = @"\.\.|@\{|//|^/|/$|\.$|\.lock$";
    public const string ParentFolder = @"(^|/)\.\.(/|$)";
    public const string NotInPath = @"[\x00-\x1f\x7f\\,:#?*]";

    public const string Target = "^[A-Za-z0-9][A-Za-z0-9_.-]*$";
    public const string BuildArgName = "^[A-Za-z_][A-Za-z0-9_]*$";
    public const string WithoutNul = @"^[^\x00]*$";
    public const string WithoutControl = @"^[^\x00-\x1f\x7f]*$";

    /// <summary>What BuildKit's own lint SecretsUsedInArgOrEnv looks for, and the same written together at the end.</summary>
    public const string CredentialName =
        "(?i)(^|_)(api_?keys?|auth|credentials?|keys?|pass|passphrase|password|passwords|passwd|pwd|pword|secrets?|tokens?)(_|$)"
        + "|(apikey|password|passwd|secret|token)$";

    /// <summary>Prefixes that issuers give their tokens so that they can be found, web tokens, private keys, and addresses with a password.</summary>
    public const string CredentialValue =
        "(^|[^A-Za-z0-9])(gh[opsur]_[A-Za-z0-9]{20}|github_pat_[A-Za-z0-9]{20}|glpat-[A-Za-z0-9_-]{16}|(AKIA|ASIA)[A-Z0-9]{16}"
        + "|xox[abposr]-[A-Za-z0-9-]{10}|sk-[A-Za-z0-9_-]{20}|npm_[A-Za-z0-9]{20}|hf_[A-Za-z0-9]{20}|dckr_pat_[A-Za-z0-9_-]{16}"
        + @"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.)|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/@\x00-\x20]+:[^/@\x00-\x20]+@";

    /// <summary>No pattern here has two ways through one text, so none takes long; the limit is for the day that one does.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    private static readonly ConcurrentDictionary<string, Regex> Parsed = new(StringComparer.Ordinal);

    /// <summary>As Go's regexp matches: $ is the end of the text and not a newline before it.</summary>
    public static bool Matches(string text, string pattern) => Parsed.GetOrAdd(pattern, Parse).IsMatch(text);

    /// <summary>Interpreted: the engine that never backtracks costs the operator 25 MB at rest.</summary>
    private static Regex Parse(string pattern) =>
        new(pattern.Replace("$", @"\z", StringComparison.Ordinal), RegexOptions.CultureInvariant, Limit);
}
