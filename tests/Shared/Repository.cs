using System.Text.Json.Nodes;

namespace Slipway.Tests;

/// <summary>Files of the checkout that the tests run from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    public static string Path(params string[] parts) => System.IO.Path.Combine([Root, .. parts]);

    /// <summary>Every document of every YAML file below a folder, in the order of the paths.</summary>
    public static IEnumerable<JsonObject> Documents(params string[] folder) =>
        Directory.EnumerateFiles(Path(folder), "*.yaml", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .SelectMany(file => Yaml.Documents(File.ReadAllText(file)));

    public static JsonObject Crd(string plural) => Yaml.Documents(File.ReadAllText(Path("crds", $"slipway.dev_{plural}.yaml"))).Single();

    private static string Find(string? folder)
    {
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder, "Operator.sln"))) folder = System.IO.Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"No Operator.sln above {AppContext.BaseDirectory}: run the tests from a checkout.");
    }
}
