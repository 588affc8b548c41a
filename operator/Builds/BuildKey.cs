using System.Text.Json.Nodes;
using Slipway.Api;

namespace Slipway.Builds;

/// <summary>
/// Hash of the fields that decide the output. Values equal to their default are left out, so that a new default in
/// the schema or a new field rebuilds nothing that is finished.
/// </summary>
internal static class BuildKey
{
    private const int Length = 32;

    public static string Of(ImageBuildSpec spec) => ChildNames.Hash(Decisive(spec).ToJsonString(), Length);

    /// <summary>Properties in a fixed order: the text is the identity.</summary>
    private static JsonObject Decisive(ImageBuildSpec spec)
    {
        var key = new JsonObject();
        Add(key, "source", Source(spec.Source));
        Add(key, "dockerfile", spec.Dockerfile, BuildDefaults.Dockerfile);
        Add(key, "target", spec.Target);
        Add(key, "platforms", Strings(spec.Platforms));
        Add(key, "buildArgs", Sorted(spec.BuildArgs?.Select(argument => (argument.Name, argument.Value))));
        Add(key, "output", Output(spec.Output));
        Add(key, "attestations", Attestations(spec.Attestations));
        Add(key, "rerun", spec.Rerun);
        return key;
    }

    private static JsonObject Source(BuildSource source)
    {
        var key = new JsonObject();
        if (source.Git is { } git)
        {
            Add(key, "url", git.Url);
            Add(key, "revision", git.Revision);
            Add(key, "subPath", git.SubPath);
        }

        Add(key, "files", Sorted(source.Inline?.Files.Select(file => (file.Key, file.Value))));
        return key;
    }

    private static JsonObject Output(BuildOutput output)
    {
        var key = new JsonObject();
        Add(key, "image", output.Image);
        Add(key, "tags", Strings(output.Tags));
        Add(key, "credentials", output.CredentialsSecretRef?.Name);
        if (output.PlainHttp is true) key["plainHTTP"] = true;
        Add(key, "ca", output.Ca);
        Add(key, "attestationFormat", output.AttestationFormat, BuildDefaults.AttestationFormat);
        return key;
    }

    private static JsonObject? Attestations(BuildAttestations? attestations)
    {
        var key = new JsonObject();
        Add(key, "provenance", attestations?.Provenance, BuildDefaults.Provenance);
        if (attestations?.Sbom is false) key["sbom"] = false;
        Add(key, "sbomGenerator", attestations?.SbomGenerator);
        return key.Count == 0 ? null : key;
    }

    private static JsonArray? Strings(IReadOnlyList<string>? values) =>
        values is null or { Count: 0 } ? null : new JsonArray([.. values.Select(value => JsonValue.Create(value))]);

    private static JsonObject? Sorted(IEnumerable<(string Name, string Value)>? pairs)
    {
        var key = new JsonObject();
        foreach (var (name, value) in (pairs ?? []).OrderBy(pair => pair.Name, StringComparer.Ordinal)) key[name] = value;
        return key.Count == 0 ? null : key;
    }

    private static void Add(JsonObject key, string name, string? value, string? defaultValue = null)
    {
        if (!string.IsNullOrEmpty(value) && value != defaultValue) key[name] = value;
    }

    private static void Add(JsonObject key, string name, JsonNode? value)
    {
        if (value is not null) key[name] = value;
    }
}
