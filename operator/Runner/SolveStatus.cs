using System.Text.Json.Serialization;

namespace Slipway.Runner;

/// <summary>One line of buildctl's rawjson progress.</summary>
internal sealed record SolveStatus
{
    public IReadOnlyList<VertexUpdate>? Vertexes { get; init; }

    public IReadOnlyList<StatusUpdate>? Statuses { get; init; }

    public IReadOnlyList<LogChunk>? Logs { get; init; }

    public IReadOnlyList<BuildWarning>? Warnings { get; init; }
}

internal sealed record VertexUpdate
{
    public string? Digest { get; init; }

    public string? Name { get; init; }

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Completed { get; init; }

    public bool Cached { get; init; }

    public string? Error { get; init; }
}

internal sealed record StatusUpdate
{
    public string? Id { get; init; }

    public string? Vertex { get; init; }

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Completed { get; init; }
}

internal sealed record LogChunk
{
    public string? Vertex { get; init; }

    /// <summary>Base64 on the wire.</summary>
    public byte[]? Data { get; init; }

    public DateTimeOffset? Timestamp { get; init; }
}

internal sealed record BuildWarning
{
    public byte[]? Short { get; init; }
}

[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(SolveStatus))]
[JsonSerializable(typeof(BuildMetadata))]
internal sealed partial class BuildctlJson : JsonSerializerContext;

/// <summary>What is read of buildctl's metadata file.</summary>
internal sealed record BuildMetadata
{
    [JsonPropertyName("containerimage.digest")]
    public string? ImageDigest { get; init; }
}
