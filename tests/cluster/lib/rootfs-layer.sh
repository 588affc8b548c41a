#!/usr/bin/env bash
# The inside of rootfs_layer (rootfs.sh), alone in its mount namespace.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
source "$CLUSTER_SCRIPTS/lib/rootfs.sh"

lower=$1 upper=$2 arch=$3
shift 3
configured=
if [[ $1 == -c ]]; then configured=$2; shift 2; fi
: "${SCRATCH:?}"

work=$(mktemp -d "$SCRATCH/overlay.XXXXXX")
root=$work/root
mkdir -p "$work/work" "$root" "$upper"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work/work" "$root"

if [[ $arch == amd64 ]]; then
    mount -t proc proc "$root/proc"
    rootfs_apt "$root" "$arch" install "$@"
    umount "$root/proc"
else
    rootfs_apt "$root" "$arch" --download-only install "$@"
    rootfs_unpack "$root" "$root"/var/cache/apt/archives/*.deb
    rootfs_carry "$configured" "$root"
    "$QEMU" "$root/usr/sbin/ldconfig" -r "$root"
fi
rootfs_clean "$root"
umount "$root"
# Overlayfs notes a deletion as a character device 0:0; an image's layer would take it for a device.
find "$upper" -type c -delete
