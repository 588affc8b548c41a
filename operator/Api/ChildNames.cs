using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Slipway.Api;

/// <summary>
/// Names of everything that a pool or a build owns. They are functions of uid, buildKey, platform and attempt, so that
/// whoever comes after a crash finds what was made before, and two of one thing cannot be made.
/// </summary>
internal static partial class ChildNames
{
    /// <summary>StatefulSets: room for -NNN of a pod and the revision hash in a label value of 63.</summary>
    private const int StatefulSetLimit = 45;
    private const int LabelLimit = 63;

    public static string StatefulSet(string pool, Platform platform) => Fit($"{pool}-{platform.Dashed}", StatefulSetLimit);

    public static string BuilderPod(string statefulSet, int ordinal) => string.Create(CultureInfo.InvariantCulture, $"{statefulSet}-{ordinal}");

    /// <summary>The name that a builder's certificate carries: SAN *.service.namespace.svc.</summary>
    public static string BuilderServerName(string pod, string service, string poolNamespace) => $"{pod}.{service}.{poolNamespace}.svc";

    public static string PoolConfig(string statefulSet) => $"{statefulSet}-config";

    /// <summary>A pool has one.</summary>
    public static string NetworkPolicy(string pool) => pool;

    public static string ServerCertificate(string statefulSet, string serial) => $"{statefulSet}-tls-{serial}";

    /// <summary>The pool's certificate authority, in the operator's own namespace.</summary>
    public static string PoolAuthority(string poolUid) => $"slipway-ca-{Hash(poolUid, 16)}";

    /// <summary>The number of the Jobs that make the pool's cache go, for one spec of it.</summary>
    public static string ExpiryJob(string pool, string uid, string spec, int number) =>
        BuildChild(pool, uid, spec, string.Create(CultureInfo.InvariantCulture, $"expire-cache-{number}"));

    public static string CacheLedger(string pool) => $"{pool}-cache-ledger";

    public static string PrepareJob(string build, string uid, string buildKey, int attempt) =>
        BuildChild(build, uid, buildKey, string.Create(CultureInfo.InvariantCulture, $"prepare-{attempt}"));

    public static string PlatformJob(string build, string uid, string buildKey, Platform platform, int attempt) =>
        BuildChild(build, uid, buildKey, string.Create(CultureInfo.InvariantCulture, $"{platform.Dashed}-{attempt}"));

    public static string PublishJob(string build, string uid, string buildKey, int attempt) =>
        BuildChild(build, uid, buildKey, string.Create(CultureInfo.InvariantCulture, $"publish-{attempt}"));

    public static string InlineSource(string build, string uid, string buildKey) => BuildChild(build, uid, buildKey, "source");

    /// <summary>One for each authority that signed a builder of the build's; null for builders that do not say which.</summary>
    public static string ClientCertificate(string build, string uid, string buildKey, string? authority) =>
        BuildChild(build, uid, buildKey, authority is null ? "client" : $"{authority}-client");

    /// <summary>A name as a label's value: at most 63 characters, and no brackets or colons of an address.</summary>
    public static string LabelValue(string name) => name.Length <= LabelLimit && LabelShape().IsMatch(name) ? name : Fit(name, LabelLimit);

    /// <summary>Lower-case hexadecimal SHA-256, shortened.</summary>
    public static string Hash(string text, int length) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..length];

    /// <summary>The build's name as far as it fits, so that people recognise it, then what makes it unique.</summary>
    private static string BuildChild(string build, string uid, string buildKey, string suffix)
    {
        var tail = $"-{Hash($"{uid}/{buildKey}", 8)}-{suffix}";
        var head = build.Replace('.', '-');
        var room = LabelLimit - tail.Length;
        return (head.Length <= room ? head : head[..room].TrimEnd('-')) + tail;
    }

    /// <summary>Shortens a name; a hash of the whole keeps shortened names apart. Dots would not do in a Service's name.</summary>
    private static string Fit(string name, int limit)
    {
        var plain = NotPlain().Replace(name, "-").Trim('-');
        if (plain == name && name.Length <= limit) return name;
        var tail = "-" + Hash(name, 8);
        return plain[..Math.Min(plain.Length, limit - tail.Length)].TrimEnd('-') + tail;
    }

    [GeneratedRegex(@"\A[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\z")]
    private static partial Regex LabelShape();

    [GeneratedRegex("[^A-Za-z0-9-]")]
    private static partial Regex NotPlain();
}
