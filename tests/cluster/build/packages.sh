#!/usr/bin/env bash
# Debian's own builds of what a node runs, unpacked into the cache: nothing of it is
# installed on the host, where some of it would start services or register itself.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

build_packages() {
    unpack_debs bookworm "$1" etcd-server containerd runc containernetworking-plugins \
        docker-registry qemu-user-static busybox-static
    # One emulator is enough.
    find "$1/usr/bin" -name 'qemu-*' ! -name qemu-aarch64-static -delete
    local program
    for program in usr/bin/{etcd,containerd,ctr,containerd-shim-runc-v2,docker-registry,qemu-aarch64-static} \
        usr/sbin/runc usr/lib/cni/{bridge,host-local,portmap,loopback}; do
        [[ -x $1/$program ]]
    done
}

ARTIFACT_HINT="seconds" artifact packages "$(recipe_key packages)" build_packages
