#!/usr/bin/env bash
# The inside of hub.sh, alone in its namespaces: a registry on the new storage, a
# buildkitd, and one build an image.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

out=$1
registry=127.0.0.1:5000
: "${BUILDKIT:?}" "${PACKAGES:?}" "${SCRATCH:?}"
# Unix socket paths end after 107 bytes, and the cache folder may be deep.
mount -t tmpfs tmpfs /run
export BUILDKIT_HOST=unix:///run/buildkitd.sock PATH=$PACKAGES/usr/sbin:$PATH

serve() {
    ip link set lo up
    printf '%s\n' 'version: 0.1' 'log: {level: warn}' "storage: {filesystem: {rootdirectory: $out}}" \
        "http: {addr: $registry}" >"$SCRATCH/registry.yml"
    printf '[registry."docker.io"]\n mirrors = ["%s"]\n[registry."%s"]\n http = true\n' $registry $registry >"$SCRATCH/buildkitd.toml"
    "$PACKAGES/usr/bin/docker-registry" serve "$SCRATCH/registry.yml" &
    "$BUILDKIT/amd64/buildkitd" --addr "$BUILDKIT_HOST" --root "$SCRATCH/buildkitd" --config "$SCRATCH/buildkitd.toml" &
    # The daemon says it is up once it has a worker.
    wait_for "buildkitd" 60 "$BUILDKIT/amd64/buildctl" debug workers
}

# push CONTEXT NAME PLATFORMS: always an index, also for one platform.
push() {
    "$BUILDKIT/amd64/buildctl" build --progress plain --frontend dockerfile.v0 \
        --local "context=$SCRATCH/context/$1" --local "dockerfile=$SCRATCH/context/$1" \
        --opt "platform=$3" --opt multi-platform=true \
        --output "type=image,name=$registry/$2,push=true,oci-mediatypes=true" --metadata-file "$SCRATCH/metadata"
    printf '%s %s\n' "docker.io/$2" "$(sed -n 's/.*"containerimage.digest": "\(.*\)".*/\1/p' "$SCRATCH/metadata")" >>"$out/images"
    rm "$SCRATCH/context/$1"/*.tar 2>/dev/null || true
}

both=linux/amd64,linux/arm64
serve
push debian library/debian:trixie-slim $both
push busybox library/busybox:stable $both
push gcc library/gcc:14 $both
push dockerfile docker/dockerfile:1 $both
push scanner docker/buildkit-syft-scanner:stable-1 $both
push base slipway/base:trixie $both
push buildkit-rootless "moby/buildkit:v$BUILDKIT_VERSION-rootless" linux/amd64
