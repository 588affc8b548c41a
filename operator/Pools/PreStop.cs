using System.Globalization;
using Slipway.Scheduling;

namespace Slipway.Pools;

/// <summary>
/// What the kubelet runs in a builder before it ends: buildkitd cancels its solves on SIGTERM, so they are waited for. It has no time
/// limit of its own, the pod's grace is one.
/// </summary>
internal static class PreStop
{
    /// <summary>Some seconds in a row without a solve: a Job that was started a moment ago is still on its way to its builder.</summary>
    private const int QuietSeconds = 5;

    /// <summary>As /proc/net/tcp writes them.</summary>
    private const string Established = "01";
    private static readonly string Port = Builder.Port.ToString("X4", CultureInfo.InvariantCulture);

    /// <summary>
    /// Fixed text for any POSIX shell. The daemon's history says which solves are active. Where it does not answer, connections to its
    /// port are counted instead, of which a client that vanished may leave one behind; without a daemon there are none.
    /// </summary>
    public static readonly string Script =
        $$"""
        quiet=0
        while [ "$quiet" -lt {{QuietSeconds}} ]; do
          quiet=$((quiet + 1))
          if records=$(buildctl --addr {{BuilderPaths.SocketAddress}} debug histories 2>/dev/null); then
            case "$records" in *STARTED*) quiet=0 ;; esac
          elif grep -qE ':{{Port}} [0-9A-F]+:[0-9A-F]+ {{Established}} ' /proc/net/tcp /proc/net/tcp6 2>/dev/null; then
            quiet=0
          fi
          sleep 1
        done
        exit 0
        """;
}
