using Slipway.Api;

namespace Slipway.Builds;

/// <summary>What an absent field means: the schema's defaults, for objects that an old server stored without them.</summary>
internal static class BuildDefaults
{
    public const string Dockerfile = "Dockerfile";
    public const string Provenance = "Max";
    public const string AttestationFormat = "Auto";
    public const int Retries = 2;
    public static readonly TimeSpan Timeout = TimeSpan.FromHours(1);

    public static int RetriesOf(ImageBuildSpec spec) => spec.Retries ?? Retries;

    /// <summary>Null: it stays.</summary>
    public static TimeSpan? TtlOf(ImageBuildSpec spec) => GoDuration.TryParse(spec.TtlAfterFinished, out var ttl) ? ttl : null;

    public static TimeSpan TimeoutOf(ImageBuildSpec spec) => GoDuration.TryParse(spec.Timeout, out var timeout) ? timeout : Timeout;
}
