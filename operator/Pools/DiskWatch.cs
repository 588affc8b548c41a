using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>
/// A container of the builder's pod that is ready while its volume has room: buildkitd itself answers its probes to the last byte,
/// and a build that then gets there fails.
/// </summary>
internal static class DiskWatch
{
    public const string ContainerName = Builder.DiskContainer;

    /// <summary>Ends at once when it is told to: it must not hold up the end of the pod. A shell that is process 1 ignores what it does not trap.</summary>
    public const string Script =
        """
        trap 'kill $!; exit 0' TERM INT
        while :; do sleep 3600 & wait $!; done
        """;

    /// <summary>
    /// Fails where less than 5 % of the bytes or of the inodes are free. Fixed text for any POSIX shell; the columns are counted from
    /// the right, since the device's name may have spaces. What has no inodes to run out of says "-" or 0 of them, which is no lack.
    /// </summary>
    public const string Probe =
        $$"""
        lacks() { df -P "$1" {{BuilderPaths.State}} | awk 'NR > 1 { used = $(NF-3); free = $(NF-2) } END { exit !(free * 20 < used + free) }'; }
        if lacks -k; then echo 'Less than 5 % of the bytes are free.'; exit 1; fi
        if lacks -i; then echo 'Less than 5 % of the inodes are free.'; exit 1; fi
        """;
}
