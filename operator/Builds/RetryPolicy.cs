using System.Globalization;
using Slipway.Api;
using Slipway.Runner;

namespace Slipway.Builds;

/// <summary>Which failures are tried again, how often and when.</summary>
internal static class RetryPolicy
{
    private const int Growth = 4;

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(4);

    /// <summary>Whether trying again can help at all. A lookup or a publish that took too long met a host that was slow.</summary>
    public static bool MayPass(string role, RunFailure failure) => failure.Class switch
    {
        FailureClass.Infrastructure or FailureClass.Registry or FailureClass.Unknown => true,
        FailureClass.Timeout => role != JobRoles.Build,
        _ => false,
    };

    /// <summary>What nothing recognises gets a second chance, and no third.</summary>
    public static bool Follows(string role, RunFailure failure, IReadOnlyList<FailedAttempt> failed, int retries) =>
        failed.Count < retries && MayPass(role, failure)
        && (failure.Class != FailureClass.Unknown || failed.All(earlier => earlier.Class != nameof(FailureClass.Unknown)));

    /// <summary>
    /// Each pause is four times the one before. A registry is given time to come back; a builder that is gone is not waited for.
    /// Builds that failed together do not come back together.
    /// </summary>
    public static DateTimeOffset NextAt(FailedAttempt last, string uid)
    {
        var first = last.Class switch
        {
            nameof(FailureClass.Infrastructure) => TimeSpan.FromSeconds(4),
            _ => TimeSpan.FromSeconds(15),
        };
        var pause = first * Math.Pow(Growth, (last.Attempt ?? 1) - 1);
        return new DateTimeOffset(last.At ?? default, TimeSpan.Zero) + (pause < Longest ? pause : Longest) * (1 + Spread(uid, last) / 4);
    }

    /// <summary>From 0 to 1, always the same for the same attempt.</summary>
    private static double Spread(string uid, FailedAttempt last) =>
        uint.Parse(ChildNames.Hash($"{uid}/{last.Role}/{last.Platform}/{last.Attempt}", 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / (double)uint.MaxValue;
}
