namespace Slipway.JobPods;

/// <summary>What the installer decides about Jobs, and what the API server said of itself at the start.</summary>
internal sealed record JobOptions
{
    /// <summary>The image that holds this program, buildctl and git.</summary>
    public required string RunnerImage { get; init; }

    /// <summary>kubernetes.io/arch values that the runner image exists for.</summary>
    public IReadOnlyList<string> RunnerArchitectures { get; init; } = ["amd64", "arm64"];

    /// <summary>Node labels for Jobs, beside those that a build asks for.</summary>
    public IReadOnlyDictionary<string, string> NodeSelector { get; init; } = new Dictionary<string, string>();

    /// <summary>podReplacementPolicy is known to the API server (1.29 and later).</summary>
    public bool ServerKnowsPodReplacementPolicy { get; init; }
}
