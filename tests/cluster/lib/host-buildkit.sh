# shellcheck shell=bash
# A buildkitd on the host, as root, for the cluster's own images. One at a time.

HOST_BUILDKIT_ROOT=$SLIPWAY_CACHE/host-buildkit
HOST_BUILDKIT_CGROUP=slipway-image       # the steps' parent in every hierarchy
HOST_BUILDKIT_SOCKET=$STATE/run/host-buildkit.sock

host_buildctl() { "$(built_path buildkit)/amd64/buildctl" --addr "unix://$HOST_BUILDKIT_SOCKET" "$@"; }

host_buildkit_start() {
    mkdir -p "$HOST_BUILDKIT_ROOT"
    exec {HOST_BUILDKIT_LOCK}>"$HOST_BUILDKIT_ROOT/.lock"
    flock "$HOST_BUILDKIT_LOCK"
    cat >"$STATE/host-buildkit.toml" <<TOML
[worker.oci]
  gc = true
  gckeepstorage = 4000000000
  defaultCgroupParent = "$HOST_BUILDKIT_CGROUP"
[registry."docker.io"]
  mirrors = ["$HOST_ADDRESS:$HUB_PORT"]
[registry."$HOST_ADDRESS:$HUB_PORT"]
  http = true
TOML
    # In a mount namespace of its own, so that no mount of a step outlives it. An image
    # that the mirror lacks would be asked for at its public registry: the proxy that
    # nobody serves makes that fail at once, here on this machine.
    service_start host-buildkit -- unshare --mount --propagation private \
        env "PATH=$(artifact_path packages)/usr/sbin:$PATH" \
        HTTP_PROXY=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 NO_PROXY="$HOST_ADDRESS" \
        "$(built_path buildkit)/amd64/buildkitd" --config "$STATE/host-buildkit.toml" \
        --root "$HOST_BUILDKIT_ROOT/state" --addr "unix://$HOST_BUILDKIT_SOCKET" \
        --otel-socket-path "$HOST_BUILDKIT_SOCKET.otel" {HOST_BUILDKIT_LOCK}>&-
    service_ready host-buildkit 60 host_buildctl debug workers
}

host_buildkit_stop() {
    host_buildkit_clean
    exec {HOST_BUILDKIT_LOCK}>&-
}

host_buildkit_clean() {
    service_stop host-buildkit 20
    # runc removes a step's cgroup, but not their parent.
    find /sys/fs/cgroup -depth -type d -path "*/$HOST_BUILDKIT_CGROUP*" -exec rmdir {} + 2>/dev/null || true
    rm -f "$HOST_BUILDKIT_SOCKET"{,.otel} "$STATE/host-buildkit.toml"
}
