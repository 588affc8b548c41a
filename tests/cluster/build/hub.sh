#!/usr/bin/env bash
# The storage of the registry that stands in for Docker Hub, filled with every image
# that the tests need. OUT is the registry's root directory; OUT/images lists names
# and digests.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
source "$CLUSTER_SCRIPTS/lib/built.sh"
source "$CLUSTER_SCRIPTS/lib/rootfs.sh"

BUILDKIT=$(built_path buildkit)
TRIXIE=$(built_path trixie)

# layers NAME PACKAGE…: what the packages add to Debian, for both architectures.
layers() {
    local name=$1
    shift
    rootfs_layer "$TRIXIE/amd64" "$SCRATCH/$name/amd64" amd64 "$@"
    rootfs_layer "$TRIXIE/arm64" "$SCRATCH/$name/arm64" arm64 -c "$SCRATCH/$name/amd64" "$@"
}

# context NAME ROOT-OF-AMD64 ROOT-OF-ARM64: the image's build context.
context() {
    mkdir -p "$SCRATCH/context/$1"
    rootfs_tar "$2" "$SCRATCH/context/$1/rootfs-amd64.tar"
    [[ -z ${3:-} ]] || rootfs_tar "$3" "$SCRATCH/context/$1/rootfs-arm64.tar"
}

busybox() {
    local arch root applet
    for arch in amd64 arm64; do
        root=$SCRATCH/busybox/$arch
        unpack_debs bookworm "$SCRATCH/busybox-$arch" "busybox-static:$arch"
        mkdir -p "$root"/{bin,dev,etc,home,proc,root,sys,tmp,usr/bin,var/tmp}
        chmod 1777 "$root/tmp" "$root/var/tmp"
        install -m 755 "$SCRATCH/busybox-$arch"/bin/busybox "$root/bin/busybox"
        for applet in $("$SCRATCH/busybox-amd64/bin/busybox" --list); do
            [[ $applet == busybox ]] || ln -s busybox "$root/bin/$applet"
        done
        ln -s ../../bin/env "$root/usr/bin/env"
        printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$root/etc/passwd"
        printf 'root:x:0:\nnobody:x:65534:\n' >"$root/etc/group"
    done
}

# The user that rootless BuildKit runs as, and its range of subordinate ids.
rootless() {
    local root=$SCRATCH/rootless/amd64
    rootfs_layer "$SCRATCH/base/amd64:$TRIXIE/amd64" "$root" amd64 runc rootlesskit uidmap fuse-overlayfs xz-utils
    mkdir -p "$root"/etc "$root"/run/user/1000 "$root"/home/user/.local/{tmp,share/buildkit} "$root"/home/user/.config/buildkit
    { cat "$TRIXIE/amd64/etc/passwd"; echo 'user:x:1000:1000::/home/user:/bin/sh'; } >"$root/etc/passwd"
    { cat "$TRIXIE/amd64/etc/group"; echo 'user:x:1000:'; } >"$root/etc/group"
    echo 'user:100000:65536' | tee "$root/etc/subuid" >"$root/etc/subgid"
    chown -R 1000:1000 "$root/run/user/1000" "$root/home/user"
    chmod 700 "$root/run/user/1000"
    # Debian's newuidmap knows nothing of libcap: as a setuid program it needs
    # CAP_SYS_ADMIN, which a pod lacks, and with these capabilities it does not.
    chmod u-s "$root"/usr/bin/new{uid,gid}map
    setcap cap_setuid=ep "$root/usr/bin/newuidmap"
    setcap cap_setgid=ep "$root/usr/bin/newgidmap"
}

build_hub() {
    local out=$1 image
    host_needs setcap:libcap2-bin ip:iproute2
    busybox
    layers gcc gcc libc6-dev make
    layers base git ca-certificates openssh-client
    rootless
    context debian "$TRIXIE/amd64" "$TRIXIE/arm64"
    for image in gcc base busybox; do context $image "$SCRATCH/$image/amd64" "$SCRATCH/$image/arm64"; done
    context buildkit-rootless "$SCRATCH/rootless/amd64"
    for image in "$CLUSTER_SCRIPTS"/images/*; do
        mkdir -p "$SCRATCH/context/${image##*/}"
        cp "$image/Dockerfile" "$SCRATCH/context/${image##*/}/"
    done
    for image in dockerfile scanner buildkit-rootless; do cp -r "$BUILDKIT"/* "$SCRATCH/context/$image/"; done
    # Namespaces of its own: no port of this machine is used, no mount and no process is left.
    BUILDKIT=$BUILDKIT PACKAGES=$(artifact_path packages) \
        unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private \
        "$CLUSTER_SCRIPTS/build/hub-fill.sh" "$out"
}

"$CLUSTER_SCRIPTS/build/trixie.sh"
"$CLUSTER_SCRIPTS/build/buildkit.sh"
ARTIFACT_HINT="about 1 min" artifact hub "$(built_key hub)" build_hub
