namespace Slipway.Tests;

/// <summary>
/// The local cluster's variables, as tests/cluster/cluster writes them. Starts nothing.
/// </summary>
internal sealed class ClusterEnv
{
    private readonly string _file;
    private readonly IReadOnlyDictionary<string, string> _values;

    private ClusterEnv(string file, IReadOnlyDictionary<string, string> values)
    {
        _file = file;
        _values = values;
    }

    public static string Folder =>
        Environment.GetEnvironmentVariable("SLIPWAY_CLUSTER_DIR") is { Length: > 0 } folder ? folder : "/var/lib/slipway-cluster";

    /// <summary>The variables; throws with what to run where there are none.</summary>
    public static ClusterEnv Read()
    {
        var file = Path.Combine(Folder, "cluster.env");
        if (!File.Exists(file)) throw new InvalidOperationException($"{file} is missing: run 'tests/cluster/cluster up' first.");
        var values = File.ReadAllLines(file).Select(line => line.Split('=', 2)).Where(parts => parts.Length == 2)
            .ToDictionary(parts => parts[0].Trim(), parts => Unquoted(parts[1]), StringComparer.Ordinal);
        return new ClusterEnv(file, values);
    }

    public string this[string name] => Find(name)
        ?? throw new InvalidOperationException($"{_file} has no {name}: run 'tests/cluster/cluster {(name.StartsWith("CRD_SERVER", StringComparison.Ordinal) ? "crd-server up" : "up")}' first.");

    public string? Find(string name) => _values.GetValueOrDefault(name);

    /// <summary>bash's printf %q, as far as paths, addresses and tokens need it.</summary>
    private static string Unquoted(string text) => text.Trim().Trim('\'', '"').Replace("\\", "", StringComparison.Ordinal);
}
