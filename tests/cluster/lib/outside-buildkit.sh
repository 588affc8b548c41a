# shellcheck shell=bash
# A buildkitd outside the cluster, as root on the host, that takes clients of its own authority alone.

OUTSIDE_BUILDKIT=$STATE/outside-buildkit
OUTSIDE_BUILDKIT_CGROUP=slipway-outside   # the steps' parent in every hierarchy

outside_buildkit_up() {
    pki_ca outside-ca
    pki_cert outside-server outside-ca /CN=buildkitd "IP:$HOST_ADDRESS"
    pki_cert outside-client outside-ca /CN=client
    mkdir -p "$OUTSIDE_BUILDKIT/client"
    cp "$PKI/outside-ca.crt" "$OUTSIDE_BUILDKIT/client/ca.crt"
    cp "$PKI/outside-client.crt" "$OUTSIDE_BUILDKIT/client/tls.crt"
    cp "$PKI/outside-client.key" "$OUTSIDE_BUILDKIT/client/tls.key"
    outside_buildkit_config >"$OUTSIDE_BUILDKIT/buildkitd.toml"
    # Mounts of steps in a namespace of their own, and no way to a registry but the cluster's: as host-buildkit.sh has it.
    service_start outside-buildkit -- unshare --mount --propagation private \
        env "PATH=$(artifact_path packages)/usr/sbin:$PATH" \
        HTTP_PROXY=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 NO_PROXY="$HOST_ADDRESS" \
        "$(built_path buildkit)/amd64/buildkitd" --config "$OUTSIDE_BUILDKIT/buildkitd.toml"
    service_ready outside-buildkit 30 "$(built_path buildkit)/amd64/buildctl" --addr "unix://$OUTSIDE_BUILDKIT/buildkitd.sock" debug workers
}

outside_buildkit_down() {
    service_stop outside-buildkit 5
    find /sys/fs/cgroup -depth -type d -path "*/$OUTSIDE_BUILDKIT_CGROUP*" -exec rmdir {} + 2>/dev/null || true
}

outside_buildkit_config() {
    cat <<TOML
root = "$OUTSIDE_BUILDKIT/state"
[grpc]
  address = ["unix://$OUTSIDE_BUILDKIT/buildkitd.sock", "tcp://$HOST_ADDRESS:$BUILDKITD_PORT"]
  [grpc.tls]
    cert = "$PKI/outside-server.crt"
    key = "$PKI/outside-server.key"
    ca = "$PKI/outside-ca.crt"
[otel]
  socketPath = "$OUTSIDE_BUILDKIT/otel.sock"
[worker.oci]
  networkMode = "host"
  defaultCgroupParent = "$OUTSIDE_BUILDKIT_CGROUP"
[registry."docker.io"]
  mirrors = ["$HOST_ADDRESS:$HUB_PORT"]
[registry."$HOST_ADDRESS:$HUB_PORT"]
  http = true
[registry."$HOST_ADDRESS:$REGISTRY_PORT"]
  ca = ["$PKI/registry-ca.crt"]
TOML
}
