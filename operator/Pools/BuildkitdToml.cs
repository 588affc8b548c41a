using System.Globalization;
using System.Text;
using Slipway.Api;

namespace Slipway.Pools;

/// <summary>
/// Renders buildkitd.toml from typed fields: its decoder takes a misspelt key without a word, so none is ever typed by a user.
/// Names are those of cmd/buildkitd/config/config.go of moby/buildkit.
/// </summary>
internal static class BuildkitdToml
{
    private const long Mebibyte = 1024 * 1024;
    private const string StaleAge = "48h";
    private const string OldAge = "1440h";

    public static string Render(BuildkitdSettings settings)
    {
        var toml = new StringBuilder();
        Daemon(toml);
        Worker(toml, settings);
        Frontends(toml, settings);
        foreach (var registry in settings.Registries.OrderBy(registry => registry.Host, StringComparer.Ordinal)) Registry(toml, registry);
        return toml.ToString();
    }

    /// <summary>The name of the file in the pool's ConfigMap that holds what a registry is trusted by.</summary>
    public static string AuthorityFile(string host) => $"ca-{ChildNames.Hash(host, 12)}.pem";

    private static void Daemon(StringBuilder toml)
    {
        Line(toml, "root", Text(BuilderPaths.Root));
        Table(toml, "log");
        Line(toml, "format", Text("json"));
        Table(toml, "grpc");
        // The socket is for the probes, which have no client certificate.
        Line(toml, "address", List([BuilderPaths.SocketAddress, BuilderPaths.TcpAddress]));
        Table(toml, "grpc.tls");
        Line(toml, "cert", Text(BuilderPaths.ServerCertificate));
        Line(toml, "key", Text(BuilderPaths.ServerKey));
        // With an authority given, a client without a certificate of its own is refused.
        Line(toml, "ca", Text(BuilderPaths.Authority));
        Table(toml, "history");
        Line(toml, "maxAge", Text(StaleAge));
        Line(toml, "maxEntries", "50");
    }

    private static void Worker(StringBuilder toml, BuildkitdSettings settings)
    {
        Table(toml, "worker.containerd");
        Line(toml, "enabled", "false");
        Table(toml, "worker.oci");
        Line(toml, "enabled", "true");
        // The pool's own alone: a request for another platform fails at once instead of running under an emulator that happens to be there.
        Line(toml, "platforms", List([settings.Platform.ToString()]));
        Line(toml, "rootless", "true");
        // A container of Kubernetes cannot have /proc unmasked, so steps share buildkitd's PID namespace.
        Line(toml, "noProcessSandbox", "true");
        Line(toml, "binary", Text(StepRuntime.Path));
        Line(toml, "gc", "true");

        var (ceiling, reserved, free, stale) = (Share(settings, 60), Share(settings, 10), Share(settings, 10), Share(settings, 5));
        // What costs least to have again goes first. One filter each: a comma within one means "and".
        Policy(toml, ["type==source.local", "type==exec.cachemount", "type==source.git.checkout"], StaleAge, false, stale, stale, free);
        Policy(toml, [], OldAge, false, reserved, ceiling, free);
        // The ceiling must hold whatever the age: a record used lately protects all that it was built on, which can be everything.
        Policy(toml, [], null, false, reserved, ceiling, free);
        Policy(toml, [], null, true, reserved, ceiling, free);
    }

    /// <summary>
    /// Old and new names together. Before 0.17 keepBytes is the ceiling and nothing else is known; since then it is ignored wherever
    /// reservedSpace is given, and taken for reservedSpace, a floor, where it is not: then the ceiling would never be reached.
    /// </summary>
    private static void Policy(
        StringBuilder toml, IReadOnlyList<string> filters, string? keepDuration, bool all, long reserved, long ceiling, long free)
    {
        toml.Append("\n[[worker.oci.gcpolicy]]\n");
        if (all) Line(toml, "all", "true");
        if (filters.Count > 0) Line(toml, "filters", List(filters));
        if (keepDuration is not null) Line(toml, "keepDuration", Text(keepDuration));
        Line(toml, "keepBytes", Space(ceiling));
        Line(toml, "reservedSpace", Space(reserved));
        Line(toml, "maxUsedSpace", Space(ceiling));
        Line(toml, "minFreeSpace", Space(free));
    }

    private static void Frontends(StringBuilder toml, BuildkitdSettings settings)
    {
        if (!settings.Features.RestrictsFrontends) return;
        Table(toml, "frontend.\"dockerfile.v0\"");
        Line(toml, "enabled", "true");
        Table(toml, "frontend.\"gateway.v0\"");
        // An empty list would mean every repository.
        Line(toml, "enabled", settings.Frontends.Count > 0 ? "true" : "false");
        Line(toml, "allowedRepositories", List(settings.Frontends));
    }

    private static void Registry(StringBuilder toml, PoolRegistry registry)
    {
        Table(toml, $"registry.{Text(registry.Host)}");
        if (registry.Mirrors is { Count: > 0 } mirrors) Line(toml, "mirrors", List(mirrors));
        // Never both: "http" speaks plain HTTP, "insecure" speaks TLS without looking at the certificate.
        if (registry.PlainHttp == true) Line(toml, "http", "true");
        else if (registry.InsecureSkipVerify == true) Line(toml, "insecure", "true");
        if (string.IsNullOrEmpty(registry.Ca)) return;
        Line(toml, "ca", List([$"{BuilderPaths.ConfigFolder}/{AuthorityFile(registry.Host)}"]));
    }

    private static void Table(StringBuilder toml, string name) => toml.Append(CultureInfo.InvariantCulture, $"\n[{name}]\n");

    private static void Line(StringBuilder toml, string key, string value) => toml.Append(CultureInfo.InvariantCulture, $"{key} = {value}\n");

    private static string List(IEnumerable<string> items) => $"[{string.Join(", ", items.Select(Text))}]";

    private static long Share(BuildkitdSettings settings, long percent) => settings.StorageBytes * percent / 100;

    /// <summary>Whole mebibytes, at least one: nothing at all would read as "no limit".</summary>
    private static string Space(long bytes) => Text(string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, bytes / Mebibyte)}MiB"));

    /// <summary>A basic string, also as a quoted key: nothing in it can end it.</summary>
    internal static string Text(string value)
    {
        var text = new StringBuilder("\"");
        foreach (var rune in value.EnumerateRunes())
        {
            text.Append(rune.Value switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\b' => "\\b",
                '\t' => "\\t",
                '\n' => "\\n",
                '\f' => "\\f",
                '\r' => "\\r",
                < 0x20 or (>= 0x7f and < 0xa0) => string.Create(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}"),
                _ => rune.ToString(),
            });
        }

        return text.Append('"').ToString();
    }
}
