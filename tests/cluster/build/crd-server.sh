#!/usr/bin/env bash
# A current apiextensions-apiserver (CEL rules, ratcheting), from Debian sid. sid moves:
# whatever version it has is taken, and kept until this recipe changes.
# Exit code 75: sid's packages cannot be had today.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

PACKAGES=(golang-go golang-k8s-apiextensions-apiserver-dev golang-k8s-apiserver-dev)

# Go and the libraries are sources and programs that need no setting up: unpacked, they
# do without a chroot.
build_crd_server() {
    local out=$1 root=$SCRATCH/sid names=()
    sid_packages >"$SCRATCH/names"
    mapfile -t names <"$SCRATCH/names"
    download_debs sid "$SCRATCH/debs" "${names[@]}" || exit 75
    mkdir "$root"
    find "$SCRATCH/debs" -name '*.deb' -print0 |
        xargs -0 -n 8 -P 2 sh -ec 'for deb; do dpkg-deb -x "$deb" "$0"; done' "$root"
    rm -rf "$SCRATCH/debs"
    GOROOT=$(echo "$root"/usr/lib/go-1.*)
    export GOROOT GOPATH=$root/usr/share/gocode GO111MODULE=off CGO_ENABLED=0 GOFLAGS='' \
        GOTOOLCHAIN=local GOCACHE=$SCRATCH/go-cache
    "$GOROOT/bin/go" build -v -ldflags '-s -w' -o "$out/apiextensions-apiserver" k8s.io/apiextensions-apiserver
    suite_apt sid install -s "${PACKAGES[@]}" |
        sed -n 's/^Inst golang-k8s-apiextensions-apiserver-dev (\([^ -]*\).*/\1/p' >"$out/version"
}

# The libraries with all that they depend on; of those only the Go ones hold anything to build.
sid_packages() {
    suite_apt sid install -s --no-install-recommends "${PACKAGES[@]}" >"$SCRATCH/simulated" || exit 75
    awk '$1 == "Inst" && $2 ~ /^golang-/ { print $2 }' "$SCRATCH/simulated"
}

ARTIFACT_HINT="about 5 min on 2 cores" artifact crd-server "$(recipe_key crd-server)" build_crd_server
