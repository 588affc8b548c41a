#!/usr/bin/env bash
# in-trixie.sh FOLDER PROGRAM ARGS…: runs a program of build/services.sh in its own
# root. FOLDER is there under its own path, everything else that it writes is
# forgotten. The mounts end with the process, whose id stays that of this script.
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
source "$CLUSTER_SCRIPTS/lib/built.sh"

if [[ ${1:-} != --inside ]]; then
    exec unshare --mount --propagation private "${BASH_SOURCE[0]}" --inside "$@"
fi
folder=$2
shift 2

base=$STATE/trixie          # a mount point: each process sees its own mounts on it
mkdir -p "$base"
mount -t tmpfs tmpfs "$base"
mkdir "$base"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=$(built_path services):$(built_path trixie)/amd64,upperdir=$base/upper,workdir=$base/work" "$base/root"
mount -t proc proc "$base/root/proc"
mount --bind /dev "$base/root/dev"
mkdir -p "$base/root$folder"
mount --bind "$folder" "$base/root$folder"
exec chroot "$base/root" "$@"
